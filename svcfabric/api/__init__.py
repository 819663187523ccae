"""Falcon plumbing; knows no resource. A feature declares resources (``resource.py``), ``app.py`` serves them."""
