"""AWS's SDK as every use of it here has it: its patience, its checksums, files in parts, what its failures say.

Whose keys, which bucket, and which error of ours a failure becomes is for `stores.s3` and for
`providers.public_urls.presigned_s3` to say. The SDK costs half a second, so it is imported when it is first used.
"""

from dataclasses import dataclass
from typing import Any, Final

TRIES: Final = 5
_PART_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class StoreRefusal:
    """What a store said when it refused: its own code, and its words."""

    code: str
    words: str


def connect(*, tries: int = TRIES, **keys_and_place: Any) -> Any:
    """Return an S3 client; what is left out (keys, region, endpoint) is taken from AWS's own variables."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        signature_version="s3v4",
        # Stores other than AWS have refused the checksums that the SDK adds by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"max_attempts": tries, "mode": "standard"},
        connect_timeout=10,
        read_timeout=60,
    )
    return boto3.client("s3", config=config, **keys_and_place)


def in_parts() -> Any:
    """Return how files are transferred: large ones in parts, one after the other."""
    from boto3.s3.transfer import TransferConfig  # noqa: PLC0415

    return TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, use_threads=False)


def failures(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Return everything that the SDK raises when a store refused or did not answer, and `more`, to be caught."""
    from boto3.exceptions import Boto3Error  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    return (BotoCoreError, ClientError, Boto3Error, *more)


def answer_in(failure: BaseException) -> StoreRefusal | None:
    """Return what the store said, or None where it did not answer."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    # A transfer wraps the refusal of one of its requests.
    cause = failure if isinstance(failure, ClientError) else failure.__context__
    if not isinstance(cause, ClientError):
        return None
    error_fields = cause.response.get("Error", {})
    code = str(error_fields.get("Code") or "unknown")
    return StoreRefusal(code, str(error_fields.get("Message") or "no message"))
