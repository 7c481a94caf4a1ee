"""The probe of a bucket: written, listed, read back and deleted; each refusal in a sentence with what to do."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from dayreel.schemas.check import Check
from dayreel.services.setting_up.examine import check_buckets
from dayreel.settings import Settings
from dayreel.stores.bucket_check import check_bucket
from dayreel.stores.content_bucket import content_place
from dayreel.stores.s3 import connect_s3
from tests.fakes.bucket import FakeBucket, running_bucket

PLACE = content_place("videos/team")
WHERE = "s3://videos/team/"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeBucket]:
    with running_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server: FakeBucket, monkeypatch: pytest.MonkeyPatch) -> FakeBucket:
    """A store that AWS's own variables name."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "marked-secret")
    server.objects.clear()
    server.asked.clear()
    server.refuses.clear()
    return server


def check(**more: Any) -> Check:
    return check_bucket("bucket of content", PLACE, **{"connect": lambda: connect_s3(tries=1), **more})


def test_a_bucket_that_passes_the_probe_keeps_nothing_of_it(bucket: FakeBucket) -> None:
    result = check()
    assert (result.verdict, result.found) == ("ok", f"{WHERE}: an object was written, listed, read back and deleted")
    assert bucket.objects == {}
    (key,) = {path for method, path in bucket.asked if method in ("PUT", "DELETE")}
    assert key.startswith("/videos/team/dayreel-doctor/probe-")
    assert [method for method, _ in bucket.asked] == ["PUT", "GET", "GET", "DELETE"]


@pytest.mark.parametrize(
    ("method", "code", "meaning", "step"),
    [
        ("PUT", "InvalidAccessKeyId", "it does not know the keys", "AWS_ACCESS_KEY_ID"),
        ("PUT", "SignatureDoesNotMatch", "it does not know the keys", "AWS_SECRET_ACCESS_KEY"),
        ("PUT", "NoSuchBucket", "there is no such bucket", "correct DAYREEL_CONTENT_BUCKET"),
        ("PUT", "AccessDenied", "the key is not allowed to do that", "the right to list"),
        ("GET", "AccessDenied", "the key is not allowed to do that", "the right to list"),
        ("PUT", "RequestTimeTooSkewed", "this machine's clock is too far", "Set the clock"),
        ("PUT", "PermanentRedirect", "the bucket is in another region", "AWS_REGION"),
        ("PUT", "InvalidStorageClass", "it answered: InvalidStorageClass", "DAYREEL_CONTENT_BUCKET"),
    ],
)
def test_a_refusal_is_shown_with_what_it_means_and_what_to_do(
    bucket: FakeBucket, method: str, code: str, meaning: str, step: str
) -> None:
    bucket.refuses[method] = (403, code)
    result = check()
    assert result.verdict == "fail"
    assert meaning in result.found
    assert code in result.found
    assert step in result.next_step
    assert ("write" if method == "PUT" else "list") in result.found
    assert "marked-secret" not in f"{result}"
    assert bucket.objects == {}, "what had been written was deleted"


def test_an_undeletable_probe_is_a_warning_with_its_key(bucket: FakeBucket) -> None:
    bucket.refuses["DELETE"] = (403, "AccessDenied")
    result = check()
    assert result.verdict == "warn"
    (key,) = bucket.objects
    assert key.removeprefix("/videos/") in result.next_step


def test_an_unreachable_store_is_not_taken_for_missing_keys(
    bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    silent = check()
    assert (silent.verdict, "nothing answers there" in silent.found) == ("fail", True)
    assert "AWS_ENDPOINT_URL_S3" in silent.next_step
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    without = check(connect=lambda: boto3.session.Session().client("s3"))
    assert "no keys were found" in without.found
    assert "not in `.env`" in without.next_step
    assert bucket.asked == []


def test_variables_that_cannot_be_used_are_a_finding(bucket: FakeBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "not an address")
    result = check()
    assert (result.verdict, "AWS's own variables cannot be used" in result.found) == ("fail", True)
    assert "AWS_ENDPOINT_URL_S3" in result.next_step


class Odd:
    """A store, or what stands before it, that takes an object and gives something else."""

    def __init__(self, *, body: bytes | None = None, lists: bool = True) -> None:
        self._kept: dict[str, bytes] = {}
        self._body = body
        self._lists = lists

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803  AWS's names
        self._kept[Key] = Body

    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]:  # noqa: N803
        return {"Contents": [{"Key": key} for key in self._kept]} if self._lists else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self._kept[Key] if self._body is None else self._body)}

    def delete_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        del self._kept[Key]


@pytest.mark.parametrize(
    ("store", "message"),
    [
        (lambda: Odd(body=b"<html>please log in"), "came back as other 19 bytes"),
        (lambda: Odd(lists=False), "is not in the bucket's list"),
    ],
)
def test_a_store_that_gives_back_something_else_is_not_fine(store: Callable[[], Odd], message: str) -> None:
    odd = store()
    result = check(connect=lambda: odd)
    assert (result.verdict, message in result.found) == ("fail", True)
    assert odd._kept == {}


def test_the_doctor_checks_only_the_configured_buckets(bucket: FakeBucket, tmp_path: Any) -> None:
    plain = Settings(_env_file=None, root=tmp_path)
    assert check_buckets(plain) == []
    assert bucket.asked == []
    named = Settings(_env_file=None, root=tmp_path, content_bucket="videos/team", marts_bucket="s3://marts")
    content, marts = check_buckets(named)
    assert (content.name, content.verdict) == ("bucket of content", "ok")
    assert (marts.name, marts.verdict) == ("bucket of marts", "fail")
    assert "DAYREEL_MARTS_BUCKET is 's3://marts', which is not a valid bucket" in marts.found
