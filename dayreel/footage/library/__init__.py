"""Own footage from disc to library: one use case a module. The shared folder is the authority, the catalog its cache.

`open_library` gives what they all work with, and `run_pass` is the order in which the controller continues items.
Names and stages are `footage.rules.paths` and `.flow`, files are `footage.stores.items` and `footage.stores.job_queue`,
the work itself is `footage.worker`.
"""
