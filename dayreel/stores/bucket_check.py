"""Whether a bucket lets us do what we do there, found out with one small object: written, listed, read back, deleted.

Nothing of ours is touched, and nothing stays. What a bucket is used for is `content_bucket` and `mart_bucket`.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from dayreel.errors import ConfigurationError
from dayreel.schemas.check import Check
from dayreel.stores.s3 import BucketLocation, RefusedError, connect_s3

PROBES: Final = "dayreel-doctor/"
"""Below the place's prefix; whatever is left there may be deleted."""

_TRIES: Final = 2

_KEYS: Final = (
    "it does not know the keys",
    "Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for passing keys, AWS_SESSION_TOKEN in the environment.",
)
_NO_KEYS: Final = (
    "no keys were found",
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment (not in `.env`), or give this machine a role.",
)
_NO_BUCKET: Final = ("there is no such bucket", "Make it, or correct {variable} or AWS_ENDPOINT_URL_S3.")
_NO_RIGHT: Final = (
    "the key is not allowed to do that",
    "Give it the right to list the bucket, and to read and write objects there.",
)
_CLOCK: Final = (
    "this machine's clock is too far from the bucket's",
    "Set the clock, and let it be kept (NTP); no request is believed until then.",
)
_REGION: Final = ("the bucket is in another region", "Correct AWS_REGION or AWS_ENDPOINT_URL_S3.")
_SILENCE: Final = ("nothing answers there", "Check AWS_ENDPOINT_URL_S3, AWS_REGION and the network, then try again.")

MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": _KEYS,
    "ExpiredToken": _KEYS,
    "Unauthorized": _KEYS,
    "NoCredentialsError": _NO_KEYS,
    "PartialCredentialsError": _NO_KEYS,
    "CredentialRetrievalError": _NO_KEYS,
    "NoSuchBucket": _NO_BUCKET,
    "AccessDenied": _NO_RIGHT,
    "AllAccessDisabled": _NO_RIGHT,
    "403": _NO_RIGHT,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "NoRegionError": _REGION,
}
"""What the store, or the SDK before it asks, calls a refusal, to what it means and what a person can do."""


def check_bucket(name: str, place: BucketLocation, *, connect: Callable[[], Any] | None = None) -> Check:
    """Write one small object into a place, find it, read it back and delete it; a refusal is a finding, no exception.

    Args:
        connect: makes the client; left out, as AWS's own variables say.
    """
    key = f"{place.prefix}{PROBES}probe-{secrets.token_hex(4)}.txt"
    where = f"s3://{place.bucket}/{place.prefix}"
    try:
        client = connect() if connect is not None else connect_s3(tries=_TRIES)
    except ConfigurationError as error:
        return Check(name, "fail", f"{where}: {error.message}", error.next_step)
    probe = _Probe(client, place, key)
    try:
        problem = probe.write_and_read()
    except RefusedError as refusal:
        with suppress(RefusedError):  # a write whose answer was lost may have come through
            probe.delete()
        meaning, step = MEANINGS.get(refusal.code, _SILENCE if not refusal.has_answer else ("", refusal.next_step))
        detail = f"{where}: {meaning + '. ' if meaning else ''}{refusal.message}"
        return Check(name, "fail", detail, step.format(variable=place.variable))
    try:
        probe.delete()
    except RefusedError as refusal:
        step = f"Nothing else is deleted there. Delete {key!r} by hand, or let a lifecycle rule do it."
        return Check(name, "warn", f"{where} takes and gives; the probe stays: {refusal.message}", step)
    if problem:
        step = f"Nothing of dayreel's can rely on it: look at what stands between here and {place.variable}."
        return Check(name, "fail", f"{where}: {problem}", step)
    return Check(name, "ok", f"{where}: an object was written, listed, read back and deleted")


class _Probe:
    """One object that is ours for as long as the check takes."""

    def __init__(self, client: Any, place: BucketLocation, key: str) -> None:
        self._client = client
        self._place = place
        self._at = {"Bucket": place.bucket, "Key": key}
        self._words = f"A probe of `dayreel doctor`, {key}. It may be deleted.\n".encode()

    def write_and_read(self) -> str:
        """Return what is wrong with what comes back, or nothing.

        Raises:
            RefusedError: the store did not do it.
        """
        self._do("write a probe to", lambda: self._client.put_object(**self._at, Body=self._words))
        listed = self._do(
            "list a probe in",
            lambda: self._client.list_objects_v2(Bucket=self._at["Bucket"], Prefix=self._at["Key"]),
        )
        back = self._do("read a probe from", lambda: bytes(self._client.get_object(**self._at)["Body"].read()))
        if back != self._words:
            return f"a probe of {len(self._words)} bytes came back as other {len(back)} bytes"
        if [item["Key"] for item in listed.get("Contents", ())] != [self._at["Key"]]:
            return "a probe that was written is not in the bucket's list"
        return ""

    def delete(self) -> None:
        """Delete the object; there may be none.

        Raises:
            RefusedError: the store did not do it.
        """
        self._do("delete a probe from", lambda: self._client.delete_object(**self._at))

    def _do(self, attempted: str, act: Callable[[], Any]) -> Any:
        return self._place.asked(attempted, act)
