"""Availability zones: where hosts are, as their agents' configuration says, and what should run where."""
