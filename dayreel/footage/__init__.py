"""Own footage, a slice of its own: the library on a shared folder, its jobs and workers, and what people see of them.

hooks             what the rest of dayreel asks of it, see `dayreel.services.footage_hooks`
cli · desk · tui  faces
library           use cases over the catalog and the shared folder
worker            does jobs; needs the shared folder alone
stores · media    jobs, items and the plan on the folder, reads of the catalog; what is done to video
rules             pure decisions
schemas           shapes
"""
