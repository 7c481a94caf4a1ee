"""Jobs on a shared folder: every step is one rename of a folder whose name carries the fence.

    queue = JobQueue(shared_folder, clock=clock)
    queue.submit(spec)
    claim = queue.claim(["remux"], worker="attic", now=clock.now())
    ...                       # write the outputs into claim.aside, call claim.heartbeat() meanwhile
    claim.finish(result)      # LeaseLostError: somebody else has the job by now, and nothing of ours is installed
    install(shared_folder, claim.spec, result)

The protocol, in a form that a shell script can follow, is docs/reference/worker-protocol.md. What a role does with its
inputs is `dayreel.footage.worker`; which jobs there should be is `dayreel.footage.library`.
"""

from dayreel.footage.stores.job_queue.claim import JobClaim
from dayreel.footage.stores.job_queue.infos import JobInfo
from dayreel.footage.stores.job_queue.install import OutputLostError, install, is_installed
from dayreel.footage.stores.job_queue.names import DEFAULT_PRIORITY, JobName, job_id
from dayreel.footage.stores.job_queue.queue import JobQueue
from dayreel.footage.stores.job_queue.queue_disk import FolderClock, QueueDisk

__all__ = [
    "DEFAULT_PRIORITY",
    "FolderClock",
    "JobClaim",
    "JobInfo",
    "JobName",
    "JobQueue",
    "OutputLostError",
    "QueueDisk",
    "install",
    "is_installed",
    "job_id",
]
