"""The outside world: one package per family, one `contract` module each, one file per vendor."""
