"""State at rest: the state manager, the catalog, the content folders, the price list."""
