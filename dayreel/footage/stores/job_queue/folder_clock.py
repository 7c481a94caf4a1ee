"""What time the shared folder thinks it is. Leases are judged by it alone; hosts' clocks are never compared."""

import contextlib
import secrets

from dayreel.footage.stores.job_queue.queue_disk import QueueDisk, cannot

PREFIX = ".clock-"


class FolderClock:
    """The clock of the machine that keeps the files, read off a file that was written just now.

    Args:
        folder: any folder on the shared file system that can be written to.
    """

    def __init__(self, folder: str, disk: QueueDisk) -> None:
        """Keep where to write."""
        self._folder = folder
        self._disk = disk

    def now(self) -> float:
        """Return seconds since the epoch, comparable with `QueueDisk.changed_at` and with nothing else.

        Raises:
            StoreError: no file could be written there.
        """
        path = f"{self._folder}/{PREFIX}{secrets.token_hex(6)}"
        try:
            self._disk.overwrite(path, b"now\n")
            return self._disk.changed_at(path)
        except OSError as error:
            raise cannot("read the time off the shared folder", error) from error
        finally:
            with contextlib.suppress(OSError):
                self._disk.remove(path)
