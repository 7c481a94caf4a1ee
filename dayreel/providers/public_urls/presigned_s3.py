"""A presigned address in a bucket (R2, S3, MinIO): uploaded, signed for an hour, deleted when the block ends.

Facts: protocol reference, section 10. A process that is killed leaves the file behind, unreachable after the hour; the
next block deletes it, where the key may list the bucket. A lifecycle rule on `dayreel-public/` does the same.
"""

import logging
import mimetypes
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from dayreel import s3_sdk
from dayreel.clock import Clock, SystemClock
from dayreel.errors import PermanentError, TransientError
from dayreel.providers.http import readable, reveal
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

LIFETIME_S: Final = 3600
PREFIX: Final = "dayreel-public/"
"""What lies below it is ours alone, and passing: whatever is older than its address is deleted."""
_LOG = logging.getLogger(__name__)
_PASSING: Final = frozenset({"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "503", "500", "429"})
_KEYS: Final = "Check STORAGE_ACCESS_KEY_ID and STORAGE_SECRET_ACCESS_KEY, and this machine's clock."
_RIGHTS: Final = "Give the key the right to read, write and delete objects in this bucket."
NEXT_STEPS: Final = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "AccessDenied": _RIGHTS,
    "NoSuchBucket": "Check STORAGE_BUCKET and STORAGE_ENDPOINT.",
    "SlowDown": "It is tried again later.",
    "403": _RIGHTS,
    "404": "Check STORAGE_BUCKET and STORAGE_ENDPOINT.",
}
"""The store's error code to what a person can do."""


class PresignedS3:
    """One bucket.

    Args:
        endpoint: like https://ACCOUNT.r2.cloudflarestorage.com; None means AWS.
        region: R2 wants "auto".
    """

    def __init__(
        self,
        *,
        bucket: str,
        access_key_id: str,
        secret_access_key: SecretStr | str,
        endpoint: str | None = None,
        region: str = "auto",
        clock: Clock | None = None,
    ) -> None:
        """Keep the settings; nothing is asked yet."""
        self._bucket = bucket
        self._key_id = access_key_id
        self._secret = reveal(secret_access_key, name="STORAGE_SECRET_ACCESS_KEY")
        self._endpoint = endpoint
        self._region = region
        self._clock = clock or SystemClock()

    @contextmanager
    def __call__(self, video: Path) -> Iterator[str]:
        """Open a public address for `video`, see `contract.PublicUrl`."""
        client = self._client()
        self._sweep(client)
        key = f"{PREFIX}{secrets.token_urlsafe(24)}/video{video.suffix.lower()}"
        self._upload(client, video, key)
        try:
            wanted = {"Bucket": self._bucket, "Key": key}
            yield str(client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=LIFETIME_S))
        finally:
            self._delete(client, key)

    def prove(self) -> None:
        """Ask for the bucket; free.

        Raises:
            PermanentError: it is not there, or the key may not see it.
            TransientError: it could not be asked.
        """
        client = self._client()
        self._asked(f"ask for bucket {self._bucket!r}", lambda: client.head_bucket(Bucket=self._bucket))

    def _client(self) -> Any:
        return s3_sdk.connect(
            endpoint_url=self._endpoint,
            region_name=self._region,
            aws_access_key_id=self._key_id,
            aws_secret_access_key=self._secret,
        )

    def _upload(self, client: Any, video: Path, key: str) -> None:
        as_video = {"ContentType": mimetypes.guess_type(video.name)[0] or "video/mp4"}
        self._asked(
            f"upload the video to bucket {self._bucket!r}",
            lambda: client.upload_file(str(video), self._bucket, key, ExtraArgs=as_video, Config=s3_sdk.in_parts()),
        )

    def _asked(self, attempted: str, act: Callable[[], object]) -> None:
        """Do `act`, which asks the bucket.

        Raises:
            PermanentError: the bucket refused.
            TransientError: it did not answer, or is too busy.
        """
        try:
            act()
        except s3_sdk.failures() as error:
            refusal = s3_sdk.answer_in(error)
            if refusal is None:
                raise TransientError(attempted=attempted, answer=f"no answer ({type(error).__name__})") from None
            words = readable(refusal.words, secrets=self._secrets)
            kind = TransientError if refusal.code in _PASSING else PermanentError
            raise kind(
                attempted=attempted,
                answer=f"{refusal.code}: {words}",
                code=refusal.code,
                next_step=NEXT_STEPS.get(refusal.code, ""),
            ) from None

    @property
    def _secrets(self) -> tuple[str, str]:
        return (self._secret, self._key_id)

    def _sweep(self, client: Any) -> None:
        """Delete what processes that were killed left behind; not being allowed to look is not a reason to stop."""
        before = self._clock.now() - timedelta(seconds=LIFETIME_S)
        try:
            objects = client.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX).get("Contents", [])
        except s3_sdk.failures() as error:
            _LOG.info("Bucket %s could not be looked through (%s).", self._bucket, type(error).__name__)
            return
        for item in objects:
            if item["LastModified"] < before and item["Key"].startswith(PREFIX):
                self._delete(client, item["Key"])

    def _delete(self, client: Any, key: str) -> None:
        try:
            client.delete_object(Bucket=self._bucket, Key=key)
        except s3_sdk.failures() as error:
            # The post must not fail for this: the address ends by itself.
            _LOG.warning("An uploaded video stays in bucket %s for now (%s).", self._bucket, type(error).__name__)


def connect(access: Access) -> PresignedS3:
    """Return the bucket that the variables name."""
    endpoint = access.variable("STORAGE_ENDPOINT")
    return PresignedS3(
        bucket=access.secret("STORAGE_BUCKET"),
        access_key_id=access.secret("STORAGE_ACCESS_KEY_ID"),
        secret_access_key=access.secret("STORAGE_SECRET_ACCESS_KEY"),
        endpoint=endpoint,
        clock=access.clock,
        region=access.variable("STORAGE_REGION") or ("auto" if endpoint else "us-east-1"),
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Ask for the bucket."""
    bucket = connect(access)
    bucket.prove()
    return Proof("the bucket answers to the key")


VENDOR: Final = Vendor(
    name="presigned_s3",
    label="presigned address in a bucket",
    family="public_urls",
    about="An object of a bucket (R2, S3, MinIO) behind a signed address.",
    connect=connect,
    settings=(
        Setting("STORAGE_BUCKET", "R2 or S3 bucket, for Instagram Login and `automation`", secret=False),
        Setting("STORAGE_ACCESS_KEY_ID", "the bucket's API token"),
        Setting("STORAGE_SECRET_ACCESS_KEY", "the bucket's API token"),
        Setting(
            "STORAGE_ENDPOINT",
            "like https://ACCOUNT.r2.cloudflarestorage.com; default is AWS",
            secret=False,
            required=False,
        ),
        Setting("STORAGE_REGION", "default is auto with an endpoint, else us-east-1", secret=False, required=False),
    ),
    can=("a public address for one file",),
    prove=prove,
    order=2,
    refusals=frozenset(NEXT_STEPS),
)
