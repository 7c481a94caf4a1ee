"""The outbox folder: whole or not there, once, and never over something else."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from dayreel.errors import PermanentError, StoreError, UsageError
from dayreel.providers.platforms.outbox import MARKER_FILE, OutboxPlatform
from tests.fakes.permits import make_permit
from tests.unit.providers.platforms.posting import CONTENT_ID, MARKER, KilledError, Recorder, WaitingClock, make_request

PERMIT = make_permit("post", "outbox")


def make_outbox(tmp_path: Path) -> OutboxPlatform:
    return OutboxPlatform(folder=tmp_path / "outbox", clock=WaitingClock())


def test_the_folder_holds_video_caption_and_checklist(tmp_path: Path, video: Path) -> None:
    receipt = make_outbox(tmp_path).post(PERMIT, make_request("outbox", video), handle={}, record=Recorder())
    place = tmp_path / "outbox" / CONTENT_ID
    assert (receipt.state, receipt.post_id) == ("posted", CONTENT_ID)
    assert receipt.url == place.as_uri()
    assert (place / f"{CONTENT_ID}.mp4").read_bytes() == video.read_bytes()
    assert MARKER not in (place / "caption.txt").read_text()
    checklist = (place / "checklist.md").read_text()
    assert "AI label ON" in checklist
    assert "- [ ]" in checklist
    assert MARKER not in checklist
    assert {path.name for path in place.iterdir()} == {
        f"{CONTENT_ID}.mp4", "caption.txt", "checklist.md", MARKER_FILE,
    }  # fmt: skip


def test_the_checklist_names_a_marker_that_is_in_the_caption(tmp_path: Path, video: Path) -> None:
    request = make_request("outbox", video, caption=f"A quiet loom.\n\n{MARKER}")
    make_outbox(tmp_path).post(PERMIT, request, handle={}, record=Recorder())
    place = tmp_path / "outbox" / CONTENT_ID
    assert (place / "caption.txt").read_text() == f"A quiet loom.\n\n{MARKER}\n"
    assert f"Leave `{MARKER}` in the caption" in (place / "checklist.md").read_text()


def test_posting_again_changes_nothing(tmp_path: Path, video: Path) -> None:
    outbox, request = make_outbox(tmp_path), make_request("outbox", video)
    first = outbox.post(PERMIT, request, handle={}, record=Recorder())
    note = tmp_path / "outbox" / CONTENT_ID / "checklist.md"
    note.write_text("- [x] done by hand")
    assert outbox.post(PERMIT, request, handle={}, record=Recorder()) == first
    assert note.read_text() == "- [x] done by hand"


def test_a_folder_with_something_else_is_never_written_over(tmp_path: Path, video: Path) -> None:
    outbox, request = make_outbox(tmp_path), make_request("outbox", video)
    outbox.post(PERMIT, request, handle={}, record=Recorder())
    edited = make_request("outbox", video, caption="Another caption.")
    with pytest.raises(PermanentError, match="another video or caption"):
        outbox.post(PERMIT, edited, handle={}, record=Recorder())
    now = WaitingClock().now()
    assert outbox.look_up(request, {}, sent_at=now).verdict == "live"
    assert outbox.look_up(edited, {}, sent_at=now).verdict == "unclear"
    (tmp_path / "outbox" / CONTENT_ID / MARKER_FILE).write_text("no json")
    assert outbox.look_up(request, {}, sent_at=now).verdict == "unclear"


def test_a_crash_before_the_rename_leaves_no_lasting_folder(tmp_path: Path, video: Path) -> None:
    outbox, request, recorder = make_outbox(tmp_path), make_request("outbox", video), Recorder(dies_after=1)
    with pytest.raises(KilledError):
        outbox.post(PERMIT, request, handle={}, record=recorder)
    assert outbox.look_up(request, recorder.last, sent_at=WaitingClock().now()).verdict == "absent"
    left = tmp_path / "outbox" / f".{CONTENT_ID}.part"
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    outbox.post(PERMIT, request, handle=recorder.last, record=Recorder())
    assert [path.name for path in (tmp_path / "outbox").iterdir()] == [CONTENT_ID]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(StoreError, match="no room left"):
        make_outbox(tmp_path).post(PERMIT, make_request("outbox", video), handle={}, record=Recorder())
    assert list((tmp_path / "outbox").iterdir()) == []


def test_a_content_id_cannot_lead_out_of_the_folder(tmp_path: Path, video: Path) -> None:
    for content_id in ("../elsewhere", "a/b", "..", ".hidden"):
        with pytest.raises(UsageError, match="folder's name"):
            make_outbox(tmp_path).plan(make_request("outbox", video, content_id=content_id))


def test_another_file_than_the_approved_one_is_not_copied(tmp_path: Path, video: Path) -> None:
    request = make_request("outbox", video, video_sha256="0" * 64)
    with pytest.raises(UsageError, match="were approved"):
        make_outbox(tmp_path).post(PERMIT, request, handle={}, record=Recorder())
    assert list((tmp_path / "outbox").iterdir()) == []


def test_the_plan_writes_nothing_and_there_is_nothing_to_count(tmp_path: Path, video: Path) -> None:
    outbox = make_outbox(tmp_path)
    (call,) = outbox.plan(make_request("outbox", video))
    assert f"{CONTENT_ID}.mp4" in call.body["files"]
    assert not (tmp_path / "outbox").exists()
    assert outbox.counters([CONTENT_ID]) == []
    assert outbox.quota() is None
    assert outbox.account() == str(tmp_path / "outbox")


def test_the_marker_file_names_hashes(tmp_path: Path, video: Path) -> None:
    request = make_request("outbox", video)
    make_outbox(tmp_path).post(PERMIT, request, handle={}, record=Recorder())
    facts = json.loads((tmp_path / "outbox" / CONTENT_ID / MARKER_FILE).read_text())
    assert facts["video_sha256"] == request.video_sha256
