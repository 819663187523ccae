"""Services tenants insert: each independent of the others and of the core."""
