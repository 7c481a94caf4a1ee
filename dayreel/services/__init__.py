"""Use cases, one verb a module: the only floor where state changes."""
