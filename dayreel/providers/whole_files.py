"""A file under its final name is a whole file: write aside, flush, rename. Used by whatever fetches or renders one.

What a file must contain to be usable (a video stream, a length) is judged by the floors above, not here.
"""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dayreel.errors import StoreError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def written_whole(dest: Path) -> Iterator[Path]:
    """Yield a path beside `dest` to write to; on success it becomes `dest`, on any error it is removed.

    The suffix is kept, because programs choose the format by it. The folder is made when it does not exist.

    Raises:
        StoreError: there is no room left; nothing lies under the final name.
    """
    dest.parent.mkdir(parents=True, exist_ok=True)
    aside = dest.with_name(f".{dest.stem}-{uuid.uuid4().hex[:8]}.part{dest.suffix}")
    try:
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.replace(dest)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise StoreError(
            f"Tried to write {str(dest)!r}, but there is no room left; nothing was kept.",
            next_step="Free some space and run it again.",
        ) from error
    finally:
        aside.unlink(missing_ok=True)
