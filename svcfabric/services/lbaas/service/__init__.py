"""The use cases. ``desk`` is what all of them share, ``view`` how rows are read, the rest one resource each."""
