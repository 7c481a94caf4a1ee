"""Own footage in Dagster: an asset a stage, the job and the sensor that record what items have become.

`pipeline_assets.definitions` imports it only where a shared folder is set; nobody else does (import-linter).
"""
