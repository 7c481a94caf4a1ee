"""What every way to a public address offers: open it for one file, have it closed when the block ends."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class PublicUrl(Protocol):
    """Opens a public address for a file. `InstagramPlatform` takes one as `public_url`."""

    def __call__(self, video: Path, /) -> AbstractContextManager[str]:
        """Return a block inside which the https address answers GET, HEAD and Range with this file and nothing else.

        Raises:
            TransientError: it cannot be opened now; nothing is public.
            PermanentError: it is refused (keys, bucket); nothing is public.
            ConfigurationError: something is missing on this machine.
        """
        ...
