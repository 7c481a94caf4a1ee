"""Contents in a bucket: two machines, one content; what is sent, what is fetched, and what is never merged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from dayreel.errors import ConfigurationError, StaleState, StoreError
from dayreel.schemas.manifest import Manifest
from dayreel.stores.content_bucket import ContentBucket
from dayreel.stores.contents import ContentStore
from dayreel.stores.s3 import use_plain_checksums
from tests.fakes.bucket import FakeBucket, running_bucket

ID = "notes-2026-11-20"
PLACE = "videos/team"
AT = f"/videos/team/{ID}"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeBucket]:
    with running_bucket() as bucket:
        yield bucket


@pytest.fixture
def bucket(server: FakeBucket, monkeypatch: pytest.MonkeyPatch) -> FakeBucket:
    for name in ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"):
        monkeypatch.setenv(name, "when_required")
    server.objects.clear()
    server.asked.clear()
    server.refuses.clear()
    return server


@pytest.fixture(scope="module")
def client(server: FakeBucket) -> Any:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        environment.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
        environment.setenv("AWS_MAX_ATTEMPTS", "1")
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "marked-secret", "region_name": "eu-west-1"}
        return boto3.client("s3", endpoint_url=server.url, **keys)


@pytest.fixture
def machines(bucket: FakeBucket, client: Any, tmp_path: Path) -> tuple[ContentStore, ContentStore]:
    """Two machines on one bucket."""
    here, there = (
        ContentStore(tmp_path / name, actor=name, bucket=ContentBucket(PLACE, lambda: client))
        for name in ("here", "there")
    )
    return here, there


def manifest(**fields: Any) -> Manifest:
    plain = {"channel": "notes", "day": "2026-11-20", "take": 1, "world": "sandbox", "simulated": True}
    return Manifest.model_validate({"content_id": ID, "created_at": "2026-11-20T09:00:00Z", **plain, **fields})


def begin(store: ContentStore, **files: bytes) -> Path:
    store.create(manifest())
    folder = store.folder(ID)
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_mp4", ".mp4").replace("_jpg", ".jpg")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder


def test_what_one_machine_made_is_on_the_other(machines: tuple[ContentStore, ContentStore], bucket: FakeBucket) -> None:
    here, there = machines
    folder = begin(here, final_video_mp4=b"the video", raw__video_1_mp4=b"a segment", poster_jpg=b"a poster")
    (folder / "incoming").mkdir()
    (folder / "incoming" / "final.mp4").write_bytes(b"half of it")
    here.keep(ID)
    sent = ("final_video.mp4", "metadata.json", "poster.jpg", "raw/video_1.mp4")
    assert sorted(bucket.objects) == [f"{AT}/{name}" for name in sent]
    puts = [path for method, path in bucket.asked if method == "PUT"]
    assert puts[-1] == f"{AT}/metadata.json", "whoever sees the manifest finds the files it names"
    there.fetch(ID)
    assert there.manifest(ID) == here.manifest(ID)
    assert (there.folder(ID) / "raw" / "video_1.mp4").read_bytes() == b"a segment"


def test_only_what_changed_is_moved(machines: tuple[ContentStore, ContentStore], bucket: FakeBucket) -> None:
    here, there = machines
    folder = begin(here, final_video_mp4=b"the video", poster_jpg=b"a poster")
    here.keep(ID)
    bucket.asked.clear()
    here.keep(ID)
    assert bucket.asked == [], "nothing is asked when nothing has changed"
    (folder / "final_video.mp4").write_bytes(b"another video")
    here.keep(ID)
    assert [path for method, path in bucket.asked if method == "PUT"] == [f"{AT}/final_video.mp4"]
    there.fetch(ID)
    bucket.asked.clear()
    there.fetch(ID)
    assert [method for method, _ in bucket.asked] == ["GET"], "one list"


def test_machines_take_turns(machines: tuple[ContentStore, ContentStore]) -> None:
    here, there = machines
    begin(here)
    here.keep(ID)
    there.fetch(ID)
    there.update(ID, take=2)
    there.keep(ID)
    here.fetch(ID)
    assert here.manifest(ID).take == 2
    here.update(ID, take=3)
    here.keep(ID)
    there.fetch(ID)
    assert there.manifest(ID).take == 3


def test_two_changes_of_one_manifest_are_never_merged(machines: tuple[ContentStore, ContentStore]) -> None:
    here, there = machines
    begin(here)
    here.keep(ID)
    there.fetch(ID)
    there.update(ID, take=2)
    there.keep(ID)
    here.update(ID, take=3)
    with pytest.raises(StaleState, match="by another machine"):
        here.keep(ID)
    with pytest.raises(StaleState, match="by another machine"):
        here.fetch(ID)
    assert (here.manifest(ID).take, there.manifest(ID).take) == (3, 2)
    there.fetch(ID)
    assert there.manifest(ID).take == 2, "the bucket has the first"


def test_of_two_that_begin_the_same_content_the_first_stays(machines: tuple[ContentStore, ContentStore]) -> None:
    here, there = machines
    begin(here)
    begin(there)
    there.update(ID, take=2)
    here.keep(ID)
    with pytest.raises(StaleState, match="by another machine"):
        there.keep(ID)
    here.fetch(ID)
    assert here.manifest(ID).take == 1


def test_a_put_whose_answer_was_lost_is_no_conflict(
    machines: tuple[ContentStore, ContentStore], bucket: FakeBucket
) -> None:
    here, _ = machines
    folder = begin(here)
    bucket.objects[f"{AT}/metadata.json"] = (folder / "metadata.json").read_bytes()
    here.keep(ID)
    here.fetch(ID)
    assert here.manifest(ID).take == 1


def test_content_made_elsewhere_is_known_and_fetched_on_demand(
    machines: tuple[ContentStore, ContentStore],
) -> None:
    here, there = machines
    begin(here, final_video_mp4=b"the video")
    here.keep(ID)
    assert there.exists(ID)
    assert there.manifest(ID) == here.manifest(ID)
    assert not (there.folder(ID) / "final_video.mp4").exists()
    assert there.has(ID, "final_video.mp4")
    assert there.fetch_file(ID, "final_video.mp4")
    assert (there.folder(ID) / "final_video.mp4").read_bytes() == b"the video"
    there.fetch(ID)
    assert not there.fetch_file(ID, "poster.jpg")
    assert not there.exists("notes-2026-11-21")
    assert not there.folder("notes-2026-11-21").exists()
    assert here.address(ID, "final_video.mp4") == f"s3:/{AT}/final_video.mp4"


def test_nothing_but_a_contents_parts_comes_to_this_disk(
    machines: tuple[ContentStore, ContentStore], bucket: FakeBucket
) -> None:
    """Others may write into the bucket."""
    here, _ = machines
    begin(here)
    here.keep(ID)
    for name in ("../../evil.jpg", ".pipeline/final_video.done", "raw/.hidden.mp4", "run.sh", "raw/deep/er.mp4"):
        bucket.objects[f"{AT}/{name}"] = b"evil"
    here.fetch(ID)
    assert not here.fetch_file(ID, "../../evil.jpg")
    assert not [path for path in here.root.parent.rglob("*") if path.is_file() and path.read_bytes() == b"evil"]


@pytest.mark.parametrize(("method", "act"), [("PUT", "keep"), ("GET", "fetch")])
def test_a_refusal_says_what_to_look_at_and_loses_nothing(
    machines: tuple[ContentStore, ContentStore], bucket: FakeBucket, method: str, act: str
) -> None:
    here, _ = machines
    folder = begin(here, final_video_mp4=b"the video")
    bucket.refuses[method] = (403, "AccessDenied")
    with pytest.raises(StoreError, match="AccessDenied") as refusal:
        getattr(here, act)(ID)
    assert "DAYREEL_CONTENT_BUCKET" in str(refusal.value)
    assert "marked-secret" not in str(refusal.value)
    bucket.refuses.clear()
    here.keep(ID)
    assert bucket.objects[f"{AT}/final_video.mp4"] == b"the video"
    assert json.loads((folder / "metadata.json").read_text())["content_id"] == ID


def test_a_store_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    def nobody() -> Any:
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "word", "region_name": "eu-west-1"}
        return boto3.client("s3", endpoint_url="http://127.0.0.1:9", **keys)

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_MAX_ATTEMPTS", "1")
        store = ContentStore(tmp_path, bucket=ContentBucket(PLACE, nobody))
        with pytest.raises(StoreError, match="no answer"):
            store.fetch(ID)


@pytest.mark.parametrize("place", ["s3://videos", "Videos", "a", "videos/../x y"])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(ConfigurationError, match="not a valid bucket"):
        ContentBucket(place)


def test_checksums_stay_what_a_person_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    monkeypatch.delenv("AWS_RESPONSE_CHECKSUM_VALIDATION", raising=False)
    use_plain_checksums()
    assert os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] == "when_supported"
    assert os.environ["AWS_RESPONSE_CHECKSUM_VALIDATION"] == "when_required"
