"""Security groups, address groups, port security: who may talk to a port."""
