"""The content folders: one manifest each, changed only whole; files known by their hash."""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dayreel.errors import UsageError
from dayreel.schemas.content import Idea
from dayreel.schemas.manifest import Manifest, StageRecord
from dayreel.stores.contents import ContentStore
from dayreel.stores.state.errors import StateError

ID = "crafts-2026-11-20"
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
IDEA = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    contents = ContentStore(tmp_path / "content", actor="ana")
    contents.create(first())
    return contents


def first() -> Manifest:
    return Manifest(
        content_id=ID,
        channel="crafts",
        day=date(2026, 11, 20),
        take=1,
        world="sandbox",
        simulated=True,
        created_at=NOW,
    )


def record(fingerprint: str) -> StageRecord:
    return StageRecord(fingerprint=fingerprint, finished_at=NOW, duration_s=1, provider="x", cost_usd="0.100000")


def test_new_content_has_a_folder_and_a_readable_manifest(store: ContentStore) -> None:
    assert store.manifest(ID) == first()
    assert (store.folder(ID) / "raw").is_dir()
    assert json.loads((store.folder(ID) / "metadata.json").read_text())["schema_version"] == 1


def test_creating_it_again_leaves_it_alone(store: ContentStore) -> None:
    store.update(ID, idea=IDEA)
    store.create(first())
    assert store.manifest(ID).idea == IDEA


def test_fields_are_replaced_and_stages_are_merged(store: ContentStore) -> None:
    store.update(ID, idea=IDEA, stages={"ideas": record("a")})
    now = store.update(ID, stages={"prompts": record("b")})
    assert now == store.manifest(ID)
    assert {name: stage.fingerprint for name, stage in now.stages.items()} == {"ideas": "a", "prompts": "b"}
    assert now.idea == IDEA
    assert str(now.stages["ideas"].cost_usd) == "0.100000"
    assert store.update(ID, stages={"ideas": record("c")}).stages["ideas"].fingerprint == "c"


def test_a_content_that_is_not_there_is_reported(store: ContentStore) -> None:
    with pytest.raises(UsageError, match="There is no content 'glass-2026-11-20'"):
        store.manifest("glass-2026-11-20")


@pytest.mark.parametrize("damage", ['{"content_id": "crafts', "", "[]", '{"content_id": "x"}'])
def test_a_damaged_manifest_is_reported_and_not_overwritten(store: ContentStore, damage: str) -> None:
    path = store.folder(ID) / "metadata.json"
    path.write_text(damage)
    with pytest.raises(StateError):
        store.manifest(ID)
    with pytest.raises(StateError):
        store.update(ID, idea=IDEA)
    assert path.read_text() == damage


def test_an_update_that_fails_leaves_the_manifest_as_it_was(store: ContentStore) -> None:
    before = (store.folder(ID) / "metadata.json").read_bytes()
    with pytest.raises(StateError):
        store.update(ID, take=0)
    assert (store.folder(ID) / "metadata.json").read_bytes() == before


def test_who_wrote_is_in_the_transaction_log(store: ContentStore) -> None:
    store.update(ID, idea=IDEA)
    logs = [path for path in store.folder(ID).rglob("*") if path.is_file() and path.name != "metadata.json"]
    assert any('"ana"' in path.read_text(errors="ignore") for path in logs)


def test_a_file_is_recorded_by_relative_path_hash_and_size(store: ContentStore) -> None:
    path = store.folder(ID) / "raw" / "video_1.mp4"
    path.write_bytes(b"frames")
    file = store.record(ID, path)
    assert file.model_dump() == {
        "path": "raw/video_1.mp4",
        "sha256": hashlib.sha256(b"frames").hexdigest(),
        "size_bytes": 6,
    }
    assert store.path(ID, file) == path
    assert store.is_intact(ID, file)


@pytest.mark.parametrize("damage", [b"framez", b"frames and more", b"", None])
def test_a_file_with_other_bytes_or_none_is_not_intact(store: ContentStore, damage: bytes | None) -> None:
    path = store.folder(ID) / "raw" / "video_1.mp4"
    path.write_bytes(b"frames")
    file = store.record(ID, path)
    path.unlink() if damage is None else path.write_bytes(damage)
    assert not store.is_intact(ID, file)
