"""What address scopes and subnet pools say, and what they add to networks and subnets."""
