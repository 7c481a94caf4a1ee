"""The desk's pages, one module each: who may see it, what it shows, what its buttons do."""
