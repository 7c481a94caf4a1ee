"""Instagram Login: what its token begins with chooses the host and a public address instead of uploaded bytes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import UsageError
from dayreel.providers.platforms import instagram
from dayreel.providers.public_urls.presigned_s3 import PresignedS3
from dayreel.providers.public_urls.quick_tunnel import QuickTunnel
from dayreel.sandbox import credentials
from dayreel.vendors.access import Access
from tests.fakes.permits import make_permit
from tests.fakes.sandbox import RunningSandbox
from tests.unit.providers.platforms.posting import Recorder, WaitingClock, make_request

BUCKET = {"STORAGE_BUCKET": "b", "STORAGE_ACCESS_KEY_ID": "k", "STORAGE_SECRET_ACCESS_KEY": "s"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path / "world") as sandbox:
        yield sandbox


def access(sandbox_url: str | None, *, token: str = credentials.INSTAGRAM_LOGIN_TOKEN, **more: str) -> Access:
    variables = {**credentials.SANDBOX_CREDENTIALS, "INSTAGRAM_ACCESS_TOKEN": token, **more}
    world: Any = "live" if sandbox_url is None else "sandbox"
    return Access(world, variables.get, sandbox_url, WaitingClock(), Path())


@pytest.mark.slow
def test_a_reel_is_posted_through_a_temporary_public_url(world: RunningSandbox, video: Path) -> None:
    clock = WaitingClock(world.advance)
    made = instagram.connect(Access("sandbox", access(world.url).variable, world.url, clock, Path()))
    request = make_request("instagram", video)
    recorder = Recorder()
    receipt = made.post(make_permit("post", "instagram"), request, handle={}, record=recorder)
    assert receipt.state == "posted"
    (post,) = world.effects()["posts"]
    assert post["sha256"] == request.video_sha256
    assert "127.0.0.1" not in str(recorder.handles), "an address that opens the file is in no handle"


@pytest.mark.slow
@pytest.mark.parametrize("token", [credentials.INSTAGRAM_LOGIN_TOKEN, credentials.INSTAGRAM_FACEBOOK_TOKEN])
def test_a_cover_is_fetched_once_it_proves_to_be_the_approved(
    world: RunningSandbox, video: Path, tmp_path: Path, token: str
) -> None:
    cover, bytes_ = tmp_path / "jar.jpg", b"\xff\xd8\xff\xe0 a jar"
    cover.write_bytes(bytes_)
    sha256 = hashlib.sha256(bytes_).hexdigest()
    fields = {"cover_file": f"jar.jpg#sha256={sha256}", "cover_at_s": 1.0}
    request = make_request("instagram", video, fields=fields, cover=cover)
    variables = access(world.url, token=token).variable
    made = instagram.connect(Access("sandbox", variables, world.url, WaitingClock(world.advance), Path()))
    for wrong, why in ((b"GIF89a", "not JPEG"), (bytes_ + b"!", "not the picture that was approved")):
        cover.write_bytes(wrong)
        with pytest.raises(UsageError, match=why):
            made.post(make_permit("post", "instagram"), request, handle={}, record=Recorder())
    cover.write_bytes(bytes_)
    assert made.post(make_permit("post", "instagram"), request, handle={}, record=Recorder()).state == "posted"
    (post,) = world.effects()["posts"]
    assert (post["cover_sha256"], post["thumb_offset"]) == (sha256, 0)


def test_a_video_that_is_not_the_approved_one_gets_no_address(world: RunningSandbox, video: Path) -> None:
    made = instagram.connect(access(world.url))
    request = make_request("instagram", video, video_sha256="0" * 64)
    with pytest.raises(UsageError, match="approved"):
        made.post(make_permit("post", "instagram"), request, handle={}, record=Recorder())
    assert world.effects()["posts"] == []


def test_the_token_chooses_host_and_way(video: Path) -> None:
    request = make_request("instagram", video)
    login = instagram.connect(access(None))
    assert login.plan(request)[0].url.startswith("https://graph.instagram.com/")
    assert isinstance(login._public_url, QuickTunnel)
    page = instagram.connect(access(None, token=credentials.INSTAGRAM_FACEBOOK_TOKEN))
    assert page.plan(request)[0].url.startswith("https://graph.facebook.com/")
    assert page._public_url is None


def test_a_bucket_is_used_where_one_is_set(video: Path) -> None:
    assert isinstance(instagram.connect(access(None, **BUCKET))._public_url, PresignedS3)
