"""The commands: the only wiring."""
