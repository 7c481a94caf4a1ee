"""Raw segments: generation services, and own footage."""
