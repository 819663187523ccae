"""A part of the core: where prefixes come from (address scopes, subnet pools) and how addresses are handed out."""
