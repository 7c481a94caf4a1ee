"""A worker: takes jobs off the shared folder, does them with ffmpeg or a script, and puts their outputs into place.

It needs the shared folder and nothing else: no catalog, no network. `loop` is the life of a worker, `attempt` one job
from claim to finish, `roles` and `script` what is done, `lease` how the job is kept and called off, `presence` who is
there.
"""
