"""What third parties import: spec types, the driver protocol, the wire form. Standard library only."""
