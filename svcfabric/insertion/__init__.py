"""Where services are put into the path of packets. Knows instances by id and kind only."""
