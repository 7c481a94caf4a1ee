"""Vendors of the made-up company Acme, as an example of a package that dayreel finds by its entry points."""
