"""Names: what ports, floating IPs and networks are called, and what the DNS of a network answers for its ports."""
