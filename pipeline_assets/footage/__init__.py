"""Own footage in Dagster: an asset per stage, and the sensor that records what items have become."""
