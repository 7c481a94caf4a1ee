"""Everything that touches pixels and samples: ffmpeg, probing, composition, checks. Knows nothing of channels."""
