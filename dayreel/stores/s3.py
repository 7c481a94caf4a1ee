"""What every bucket of ours has in common: how its place is written, and what a refusal says.

What is kept in which bucket is `content_bucket` and `mart_bucket`. Keys, region and endpoint are AWS's own variables.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from dayreel import s3_sdk
from dayreel.errors import ConfigurationError, StoreError

Answer = TypeVar("Answer")

GONE: Final = frozenset({"NoSuchKey", "404"})
"""What a bucket answers about an object that it does not have."""

# No part of a prefix begins with a dot: a prefix is a folder of a local copy, too.
_PLACE: Final = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(\w[\w.-]*(?:/\w[\w.-]*)*))?/?")


class RefusedError(StoreError):
    """What the bucket answered, with its code; where there was no answer, with the SDK's name of what went wrong."""

    def __init__(self, message: str, *, code: str, next_step: str, has_answer: bool = True) -> None:
        super().__init__(message, next_step=next_step)
        self.code = code
        self.has_answer = has_answer


@dataclass(frozen=True)
class BucketLocation:
    """A bucket and where in it, and the setting that names it.

    Attributes:
        prefix: empty, or ends with a slash.
        safe: what a person may rely on when the bucket refused, for the next step.
    """

    variable: str
    bucket: str
    prefix: str
    safe: str

    @classmethod
    def parse(cls, text: str, *, variable: str, example: str, safe: str) -> "BucketLocation":
        """Return the place that `bucket` or `bucket/prefix` names.

        Raises:
            ConfigurationError: it names none.
        """
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ConfigurationError(
                f"{variable} is {text!r}, which is not a valid bucket.",
                next_step=f"Write it like {example} or {example}/dayreel, without s3://.",
            )
        return cls(variable, match[1], f"{match[2]}/" if match[2] else "", safe)

    def asked(self, attempted: str, act: Callable[[], Answer]) -> Answer:
        """Do `act`, which asks the bucket.

        Args:
            attempted: what it does, as a clause to which the bucket's name is added: "list 'a' in".

        Raises:
            RefusedError: the bucket did not do it, or did not answer.
        """
        try:
            return act()
        except s3_sdk.failures(OSError) as error:
            error_fields = s3_sdk.answer_in(error)
            if error_fields is not None:
                raise self.refused(
                    attempted, f"{error_fields.code}: {error_fields.words}", code=error_fields.code
                ) from None
            name = type(error).__name__
            raise self.refused(attempted, f"no answer ({name})", code=name, has_answer=False) from error

    def refused(self, attempted: str, answer: str, *, code: str = "", has_answer: bool = True) -> RefusedError:
        """Return the error that says what the bucket answered."""
        return RefusedError(
            f"Tried to {attempted} bucket {self.bucket!r}; it answered: {answer}.",
            code=code,
            has_answer=has_answer,
            next_step=f"Check {self.variable}, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and "
            f"AWS_ENDPOINT_URL; the key must be allowed to list, read and write there. Then try again: {self.safe}",
        )


def use_plain_checksums() -> None:
    """Have a client that others make, too, add no checksums unless they are asked for; see `s3_sdk`."""
    for name in ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"):
        os.environ.setdefault(name, "when_required")


def connect_s3(*, tries: int = s3_sdk.TRIES) -> Any:
    """Return an S3 client as AWS's own variables say.

    Args:
        tries: how often a request is made that the store does not answer, or is too busy for.

    Raises:
        ConfigurationError: those variables say nothing that can be used.
    """
    try:
        return s3_sdk.connect(tries=tries)
    except s3_sdk.failures(ValueError) as error:
        raise ConfigurationError(
            f"AWS's own variables cannot be used: {error}.",
            next_step="Check AWS_REGION, AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 and AWS_PROFILE in the environment.",
        ) from error
