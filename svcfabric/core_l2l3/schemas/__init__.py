"""The attributes of the core's resources, one table each."""
