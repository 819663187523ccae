"""Engine, table base, list queries, migrations. Knows no feature; features own their tables."""
