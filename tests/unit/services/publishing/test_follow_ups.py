"""What is done with a post once it is out: at most once, and the post stands whatever becomes of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError, TransientError, UnknownOutcomeError
from dayreel.providers.platforms.contract import PostFinding, Receipt
from dayreel.queries.contents import ContentStatus, status_of
from dayreel.schemas.content import NarrationTrack, SpokenWord
from dayreel.schemas.effect import FOLLOW_UPS, Permit
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.publishing import follow_ups as follow_ups_module
from dayreel.services.publishing.publish_post import Posted, publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.chores import do_chore, due_chores
from dayreel.services.upkeep.reconcile import SETTLING, reconcile
from dayreel.services.upkeep.retry_content import reopen_refused
from tests.fakes.clock import FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.platform import FakePlatform, Killed
from tests.fakes.project import channel_of, ledger_rows, reviewable

ID = "crafts-2026-11-20"
JPEG = b"\xff\xd8\xff\xe0 a jar"
BOTH = {"cover_file": "jar.jpg", "playlist_id": "PLcrafts"}
MakeProject = Callable[..., Project]
UNVERIFIED = PermanentError(attempted="set the YouTube thumbnail", answer="HTTP 403", next_step="Verify the channel.")
LOST = UnknownOutcomeError(attempted="set the YouTube thumbnail", answer="no answer")
BUSY = TransientError(attempted="set the YouTube thumbnail", answer="HTTP 503")


class Following(FakePlatform):
    """A YouTube whose acts after a post go as `outcomes` say, one after the other; then all work."""

    def __init__(self, *outcomes: BaseException, is_there: bool | None = None, **more: Any) -> None:
        super().__init__("youtube", **more)
        self.outcomes, self.is_there = list(outcomes), is_there
        self.done: list[tuple[str, str, bytes | None]] = []

    def follow_up(self, permit: Permit, asked: dict[str, Any], *, post_id: str, file: Path | None) -> dict[str, Any]:
        if self.outcomes:
            raise self.outcomes.pop(0)
        self.done.append((permit.key.kind, post_id, None if file is None else file.read_bytes()))
        return {"playlist": asked.get("playlist_id")}

    def is_followed_up(self, kind: str, asked: dict[str, Any], *, post_id: str) -> bool | None:
        return self.is_there


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def project(make_project: MakeProject, clock: FakeClock) -> Project:
    return approved(make_project, clock, BOTH)


def approved(make_project: MakeProject, clock: FakeClock, fields: dict[str, Any], **more: Any) -> Project:
    project = make_project(channels={"crafts": {"platforms": {"youtube": fields}}}, clock=clock)
    (project.settings.channels_dir / "jar.jpg").write_bytes(JPEG)
    reviewable(project, **more)
    decide(project, ID, "approved", by="ana", via="cli")
    return project


def publish(project: Project, platform: Following) -> Posted:
    project.providers["youtube"] = platform
    return publish_post(project, channel_of(project), ID, "youtube", provider=platform)


def follow_ups(project: Project) -> dict[str, str]:
    return {row["kind"]: row["state"] for row in ledger_rows(project) if row["kind"] in FOLLOW_UPS}


def status(project: Project) -> ContentStatus:
    return status_of(project).contents[0]


def test_a_thumbnail_and_a_playlist_follow_the_post_once(project: Project) -> None:
    platform = Following()
    assert publish(project, platform).state == "posted"
    assert platform.done == [("thumbnail", "p-c1", JPEG), ("playlist", "p-c1", None)]
    assert follow_ups(project) == {"thumbnail": "confirmed", "playlist": "confirmed"}
    publish(project, platform)
    assert (len(platform.done), len(platform.world.live)) == (2, 1)
    assert (status(project).row.state, status(project).posts[0].error) == ("posted", None)


SRT = b"1\n00:00:00,500 --> 00:00:01,000\nA jar rises\n"


@pytest.fixture
def subtitled(make_project: MakeProject, clock: FakeClock) -> Project:
    project = approved(make_project, clock, {"subtitles": True})
    path = project.contents.folder(ID) / "captions.srt"
    path.write_bytes(SRT)
    final = project.contents.manifest(ID).final_video
    assert final is not None
    final = final.model_copy(update={"subtitles": (project.contents.record(ID, path),)})
    project.contents.update(ID, final_video=final)
    return project


def test_nothing_is_added_to_a_post_without_distribution(project: Project) -> None:
    publish_post(project, channel_of(project), ID, "youtube", provider=FakePlatform("youtube"))
    platform = Following()
    stopped = replace(project, settings=project.settings.model_copy(update={"enable_distribution": False}))
    publish(stopped, platform)
    assert platform.done == []
    publish(project, platform)
    assert len(platform.done) == 2


def test_subtitles_follow_the_post_once(subtitled: Project) -> None:
    platform = Following()
    for _ in range(2):
        assert publish(subtitled, platform).state == "posted"
    assert platform.done == [("subtitles", "p-c1", SRT)]
    assert follow_ups(subtitled) == {"subtitles": "confirmed"}


def test_subtitles_that_fail_or_have_changed_leave_the_post_out(subtitled: Project) -> None:
    platform = Following(UNVERIFIED)
    assert publish(subtitled, platform).state == "posted"
    assert (follow_ups(subtitled), len(platform.world.live)) == ({"subtitles": "refused"}, 1)
    (subtitled.contents.folder(ID) / "captions.srt").write_bytes(SRT + b"!")
    reopen_refused(subtitled, ID)
    publish(subtitled, platform)
    assert (platform.done, status(subtitled).posts[0].state) == ([], "posted")
    assert "not those of the video that was posted" in str(status(subtitled).posts[0].error)


def test_a_video_in_which_nothing_is_spoken_gets_no_subtitles(make_project: MakeProject, clock: FakeClock) -> None:
    project, platform = approved(make_project, clock, {"subtitles": True}), Following()
    publish(project, platform)
    assert (platform.done, follow_ups(project)) == ([], {"subtitles": "confirmed"})


def test_a_spoken_video_without_subtitles_says_so(make_project: MakeProject, clock: FakeClock) -> None:
    """One that was composed before subtitles were written beside videos."""
    project, platform = approved(make_project, clock, {"subtitles": True}), Following()
    path = project.contents.folder(ID) / "narration.mp3"
    path.write_bytes(b"a voice")
    words = (SpokenWord(text="A", start_s=0, end_s=1),)
    voice = {"provider": "edge", "voice": "v", "duration_s": 1.0}
    project.contents.update(ID, narration=NarrationTrack(file=project.contents.record(ID, path), words=words, **voice))
    assert publish(project, platform).state == "posted"
    assert (platform.done, follow_ups(project)) == ([], {"subtitles": "refused"})
    assert "composed without subtitles beside it" in str(status(project).posts[0].error)


def test_a_refused_thumbnail_is_tried_again_alone(project: Project) -> None:
    platform = Following(UNVERIFIED)
    assert publish(project, platform).state == "posted"
    shown = status(project)
    assert (shown.row.state, shown.posts[0].state, shown.next_step) == ("posted", "posted", f"dayreel retry {ID}")
    assert "Verify the channel." in str(shown.posts[0].error)
    assert "The post is out; `dayreel retry crafts-2026-11-20` tries that alone." in str(shown.posts[0].error)
    publish(project, platform)
    assert [kind for kind, *_ in platform.done] == ["playlist"], "what was refused waits for a person"
    assert reopen_refused(project, ID) == 1
    publish(project, platform)
    assert [kind for kind, *_ in platform.done] == ["playlist", "thumbnail"]
    assert (len(platform.world.live), status(project).posts[0].error, status(project).next_step) == (1, None, None)


@pytest.mark.parametrize("lost", [LOST, Killed()])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_lost_one_is_looked_up_first(project: Project, clock: FakeClock, lost: Any, is_there: bool) -> None:
    platform = Following(lost, is_there=is_there)
    try:
        publish(project, platform)
    except Killed:
        clock.sleep(3600)
    publish(project, platform)
    assert follow_ups(project)["thumbnail"] == "unknown"
    assert [kind for kind, *_ in platform.done] == ["playlist"]
    clock.sleep(SETTLING.total_seconds() + 1)
    reconcile(project)
    assert follow_ups(project)["thumbnail"] == ("confirmed" if is_there else "intended")
    publish(project, platform)
    assert [kind for kind, *_ in platform.done] == ["playlist", *([] if is_there else ["thumbnail"])]
    assert len(platform.world.live) == 1


def test_they_wait_until_the_post_is_out(project: Project, clock: FakeClock) -> None:
    """YouTube takes a Short's thumbnail once the video is processed; a chore does it then."""
    receipt = Receipt("posted", "p-c1", "https://youtube.example/p-c1", {})
    platform = Following(BUSY, BUSY, BUSY, steps=["processing"], sees=PostFinding("live", "it is there", receipt))
    assert publish(project, platform).state == "processing"
    assert (follow_ups(project), platform.done) == ({}, [])
    reconcile(project)
    assert follow_ups(project) == {"thumbnail": "intended", "playlist": "intended"}
    for _ in range(2):
        (chore,) = [chore for chore in due_chores(project, targets=everything_to("fake")) if chore.name == "follow_ups"]
        do_chore(project, chore.name, notifiers=everything_to(FakeNotifier()))
    assert [kind for kind, *_ in platform.done] == ["playlist", "thumbnail"]
    assert not [chore for chore in due_chores(project, targets=everything_to("fake")) if chore.name == "follow_ups"]


def test_a_chore_tries_six_times_and_says_when_it_stops(make_project: MakeProject, clock: FakeClock) -> None:
    project = approved(make_project, clock, {"cover_file": "jar.jpg"})
    platform, turns = Following(*[BUSY] * 100), 0
    publish(project, platform)
    while "follow_ups" in [chore.name for chore in due_chores(project, targets=everything_to("fake"))]:
        do_chore(project, "follow_ups", notifiers=everything_to(FakeNotifier()))
        turns += 1
    shown = status(project)
    assert (turns, shown.next_step, shown.can_continue) == (6, f"dayreel retry {ID}", True)
    assert "Its thumbnail is not there after 21 attempts: Tried to set" in str(shown.posts[0].error)
    platform.outcomes.clear()
    publish(project, platform)
    assert (len(platform.done), status(project).next_step) == (1, None)


def test_the_other_worlds_posts_are_left_alone(project: Project, make_project: MakeProject, clock: FakeClock) -> None:
    publish(project, Following(*[BUSY] * 6))
    platform = Following()
    publish(make_project(channels={}, clock=clock, world="live", config={"publish.youtube": "live"}), platform)
    assert (platform.done, follow_ups(project)) == ([], {"thumbnail": "intended", "playlist": "intended"})


def test_what_is_held_for_long_is_due_ever_more_rarely(project: Project, clock: FakeClock) -> None:
    publish(project, Following(*[BUSY] * 6))
    clock.move(days=2)
    keys = set()
    for _ in range(12):
        clock.move(minutes=10)
        keys |= {
            chore.key for chore in due_chores(project, targets=everything_to("fake")) if chore.name == "follow_ups"
        }
    assert len(keys) in (1, 2)


def test_what_cannot_be_connected_holds_nothing_back(
    project: Project, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(project, Following(*[BUSY] * 6))
    monkeypatch.setattr(follow_ups_module, "due_follow_ups", lambda _project: {(ID, "nobody"): 0, (ID, "youtube"): 0})
    platform = project.providers["youtube"] = Following()
    (problem,) = do_chore(project, "follow_ups", notifiers=everything_to(FakeNotifier()))
    assert problem.startswith(f"nobody: {ID}: ")
    assert len(platform.done) == 2


def test_a_frame_of_the_video_is_a_thumbnail(make_project: MakeProject, clock: FakeClock, tiny_clip: Path) -> None:
    project = approved(make_project, clock, {"cover_at_s": 0.5}, video=tiny_clip.read_bytes(), duration_s=1)
    platform = Following()
    publish(project, platform)
    ((kind, _, picture),) = platform.done
    assert (kind, str(picture)[:6]) == ("thumbnail", str(b"\xff\xd8\xff")[:6])
