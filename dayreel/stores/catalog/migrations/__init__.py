"""Numbered, append-only schema steps; see `dayreel.stores.catalog.migrate`."""
