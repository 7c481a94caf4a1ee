"""Own footage from disc to library: one use case a module. The shared folder is the authority, the catalog its cache.

`open_library` gives what they all work with. Names and stages are `rules.library_paths` and `.library_flow`, files are
`stores.items` and `stores.job_queue`, the work itself is `services.worker`.
"""
