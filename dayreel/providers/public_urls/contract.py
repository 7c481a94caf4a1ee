"""What every way to a public address offers: open it for one file, have it closed when the block ends."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from dayreel.vendors.access import Access
from dayreel.vendors.record import Variable
from dayreel.vendors.registry import vendor_named


class PublicUrl(Protocol):
    """Opens a public address for a file. A platform that fetches videos takes one as `public_url`."""

    def __call__(self, video: Path, /) -> AbstractContextManager[str]:
        """Return a block inside which the https address answers GET, HEAD and Range with this file and nothing else.

        Raises:
            TransientError: it cannot be opened now; nothing is public.
            PermanentError: it is refused (keys, bucket); nothing is public.
            ConfigurationError: something is missing on this machine.
        """
        ...


def way_set_up(variable: Variable) -> str:
    """Return the vendor that makes public addresses: the bucket, or the tunnel, which needs no account."""
    return "presigned_s3" if variable("STORAGE_BUCKET") else "quick_tunnel"


def connect_way(access: Access) -> PublicUrl:
    """Return the way to public addresses that is set up."""
    way: PublicUrl = vendor_named(way_set_up(access.variable)).connect(access)
    return way
