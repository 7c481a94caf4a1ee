"""Shapes of own footage: the plan, an item's manifest, jobs, workers."""
