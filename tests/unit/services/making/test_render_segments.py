"""Raw segments: all at once, bought once, continued by their id, and fetched again rather than bought again."""

import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import av
import pytest
from PIL import Image
from sqlalchemy import select, update

from dayreel.errors import (
    BusyError,
    ConfigurationError,
    GateClosedError,
    MediaError,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.scenes import find_scenes
from dayreel.providers.video.clips import OwnFootage
from dayreel.providers.video.contract import Job, SegmentRequest
from dayreel.providers.video.model_input import check_request, vendor_arguments
from dayreel.queries.renders import renders_of
from dayreel.schemas.content import Idea, PromptSet, VideoPrompt
from dayreel.services.making import own_footage
from dayreel.services.making.open_content import day_scope, open_content, open_new_take
from dayreel.services.making.preview_video import preview_video
from dayreel.services.making.render_segments import RENDER_DEADLINE_S, render_segments, segment_request
from dayreel.services.making.stages import Product, StageResult, Work, run_stage
from dayreel.services.project import Project
from dayreel.services.upkeep.reconcile import reconcile, resolve
from dayreel.services.upkeep.retry_content import cancel_renders, regenerate_segment, reopen_refused
from dayreel.stores.catalog import tables
from dayreel.vendors.model_list import ModelList
from tests.fakes.clock import FakeClock
from tests.fakes.holders import ELSEWHERE, beat_elsewhere
from tests.fakes.prepared import files_of, lay_out
from tests.fakes.project import DAY, channel_of, content_row, ledger_rows, transitions, write_channel
from tests.fakes.project import make_project as new_project
from tests.fakes.video_generator import DONE, FakeVideoGenerator, cannot_look_up

ID = "crafts-2026-11-20"
RUNNING = Job("running", progress="rendering")
FAILED = Job("failed", error="the prompt was flagged", error_code="content_policy")
UNLUCKY = Job("failed", error="a worker died", retry_helps=True)
MakeProject = Callable[..., Project]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """A content with an idea and three prompts, and money enough."""
    project = new_project(tmp_path_factory.mktemp("prepared"), config={"cap.content_usd": "9"})
    prepare(project)
    project.catalog.close()
    return files_of(project.settings.root)


@pytest.fixture
def project(prepared: Mapping[str, bytes], make_project: MakeProject, tmp_path: Path) -> Project:
    lay_out(prepared, tmp_path)
    return make_project(channels={})


def prepare(project: Project, *, words: str = "clay") -> None:
    row = open_content(project, channel_of(project), DAY)
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
    prompts = PromptSet(
        prompts=tuple(VideoPrompt(video_prompt=f"{words} {number}", audio_prompt="rain") for number in (1, 2, 3))
    )
    run_stage(project, row, Work("ideas", "f", "a"), lambda: Product({"idea": idea}, {"idea": idea.idea}))
    run_stage(project, row, Work("prompts", words, "o"), lambda: Product({"prompts": prompts}))


def render(project: Project, source: FakeVideoGenerator) -> StageResult:
    return render_segments(project, channel_of(project), DAY, source=source)


def test_a_prompt_too_long_is_refused_before_anything_is_paid(project: Project, tiny_clip: Path) -> None:
    prepare(project, words="x" * 1500)
    source = FalChecks(tiny_clip)
    with pytest.raises(ConfigurationError, match=r"has 1515 characters, allowed: 1 to 1500.*Nothing was sent"):
        render(project, source)
    assert (effects(project), source.submitted) == ({}, [])


def test_a_picture_s_bytes_are_part_of_what_is_bought(project: Project) -> None:
    channels = project.settings.channels_dir
    (channels / "potter.png").write_bytes(b"a picture")
    video = {"provider": "fal", "model": "fal-ai/wan-25-preview/image-to-video", "first_frame": "potter.png"}
    write_channel(project.settings.root, "crafts", video=video)
    channel, prompt = channel_of(project), VideoPrompt(video_prompt="clay", audio_prompt="rain")
    asked = segment_request(project.settings, channel, prompt)
    assert asked.first_frame == f"channels/potter.png#sha256={hashlib.sha256(b'a picture').hexdigest()}"
    model = project.models.video("fal", asked.model)
    sent = vendor_arguments(asked, model, root=project.settings.root)
    assert sent["image_url"] == "data:image/png;base64,YSBwaWN0dXJl"
    (channels / "potter.png").write_bytes(b"another")
    assert segment_request(project.settings, channel, prompt) != asked
    with pytest.raises(ConfigurationError, match=r"'channels/potter.png' was changed"):
        vendor_arguments(asked, model, root=project.settings.root)
    (channels / "potter.png").unlink()
    with pytest.raises(ConfigurationError, match=r"potter\.png' as its video\.first_frame"):
        segment_request(project.settings, channel, prompt)
    with pytest.raises(ConfigurationError, match="it takes no first frame"):
        check_request(asked, project.models.video("fal", "fal-ai/wan-25-preview/text-to-video"))


def test_a_purchase_begun_before_an_update_keeps_its_key(project: Project) -> None:
    asked = segment_request(
        project.settings, channel_of(project), VideoPrompt(video_prompt="clay", audio_prompt="rain")
    )
    assert asked.as_json() == {
        "model": "fal-ai/wan-25-preview/text-to-video",
        "prompt": "clay\n\nSound: rain",
        "duration_s": 5,
        "resolution": "720p",
        "seed": None,
        "aspect_ratio": "9:16",
    }


class FalChecks(FakeVideoGenerator):
    """Refuses what fal's models do not take."""

    def check(self, request: SegmentRequest) -> None:
        check_request(request, ModelList(Path("nowhere")).video("fal", request.model))


def states(project: Project) -> list[str]:
    with project.catalog.read() as connection:
        return [render.state for render in renders_of(connection, [ID]).get(ID, ())]


def effects(project: Project) -> dict[int, dict[str, Any]]:
    rows = ledger_rows(project, kind="segment")
    assert len({row["sequence"] for row in rows}) == len(rows)
    return {row["sequence"]: row for row in rows}


def seeds(project: Project) -> list[int | None]:
    """Return the seed of each segment: None where nobody has asked for another clip."""
    with project.catalog.read() as connection:
        query = select(tables.renders.c.seed).order_by(tables.renders.c.sequence)
        return list(connection.execute(query).scalars())


def numbers(source: FakeVideoGenerator) -> list[int]:
    return sorted(number for number, _ in source.submitted)


def test_segments_are_bought_together_and_paid_from_the_ledger(project: Project, tiny_clip: Path) -> None:
    source = FakeVideoGenerator(tiny_clip, together=3)
    result = render(project, source)
    assert numbers(source) == [1, 2, 3]
    assert result.record.cost_usd == Decimal("1.5")
    assert [segment.sequence for segment in result.manifest.segments] == [1, 2, 3]
    first = result.manifest.segments[0]
    assert (first.width, first.height, first.has_audio, first.seed, first.provider) == (72, 128, True, 7, "fal")
    assert first.request_id == effects(project)[1]["handle"]["request_id"]
    assert (project.contents.folder(ID) / "raw" / "video_3.mp4").read_bytes() == tiny_clip.read_bytes()
    assert states(project) == ["completed"] * 3
    assert content_row(project, ID).state == "rendering"
    assert all(row["settled_usd"] == Decimal("0.5") for row in effects(project).values())
    request = dict(source.submitted)[2]
    assert (request.prompt, request.duration_s, request.resolution) == ("clay 2\n\nSound: rain", 5, "720p")


def test_done_segments_are_reused_and_damaged_ones_refetched(project: Project, tiny_clip: Path) -> None:
    render(project, FakeVideoGenerator(tiny_clip))
    again = FakeVideoGenerator(tiny_clip)
    assert render(project, again).reused is True
    (project.contents.folder(ID) / "raw" / "video_2.mp4").write_bytes(b"damaged")
    assert render(project, again).reused is False
    assert (again.submitted, "video_2.mp4" in again.fetched) == ([], True)


def test_other_prompts_are_other_segments(project: Project, tiny_clip: Path) -> None:
    render(project, FakeVideoGenerator(tiny_clip))
    prepare(project, words="glass")
    source = FakeVideoGenerator(tiny_clip)
    render(project, source)
    assert numbers(source) == [1, 2, 3]


def test_a_killed_process_leaves_ids_that_the_next_one_resumes(project: Project, tiny_clip: Path) -> None:
    class Killed(BaseException):
        pass

    dying = FakeVideoGenerator(tiny_clip, jobs={number: [Killed()] for number in (1, 2, 3)})
    with pytest.raises(Killed):
        render(project, dying)
    bought = {number: row["handle"]["request_id"] for number, row in effects(project).items()}
    assert {row["state"] for row in effects(project).values()} == {"sent"}
    source = FakeVideoGenerator(tiny_clip)
    render(project, source)
    assert source.submitted == []
    assert sorted(source.followed) == sorted(bought.values())
    assert sum(row["settled_usd"] for row in effects(project).values()) == Decimal("1.5")


def test_when_one_fails_the_others_are_kept_for_the_next_run(project: Project, tiny_clip: Path) -> None:
    source = FakeVideoGenerator(tiny_clip, jobs={2: [FAILED]})
    with pytest.raises(PermanentError, match=r"make segment 2 of crafts-2026-11-20 with fal.*the prompt was flagged"):
        render(project, source)
    assert states(project) == ["completed", "failed", "completed"]
    assert {number: row["state"] for number, row in effects(project).items()} == {
        1: "confirmed",
        2: "refused",
        3: "confirmed",
    }
    assert (content_row(project, ID).state, content_row(project, ID).last_good_state) == ("failed", "rendering")
    with pytest.raises(PermanentError, match="refused earlier"):
        render(project, FakeVideoGenerator(tiny_clip))
    assert reopen_refused(project, ID) == 1
    again = FakeVideoGenerator(tiny_clip)
    assert render(project, again).record.cost_usd == Decimal("1.5")
    assert numbers(again) == [2]


def test_a_job_that_failed_by_chance_is_free_and_bought_again(project: Project, tiny_clip: Path) -> None:
    source = FakeVideoGenerator(tiny_clip, jobs={1: [UNLUCKY, DONE]})
    assert render(project, source).record.cost_usd == Decimal("1.5")
    assert numbers(source) == [1, 1, 2, 3]
    assert (effects(project)[1]["attempts"], effects(project)[1]["settled_usd"]) == (2, Decimal("0.5"))


def test_a_stuck_job_is_left_at_the_deadline_and_resumed_later(project: Project, tiny_clip: Path) -> None:
    stuck = FakeVideoGenerator(tiny_clip, jobs={2: [RUNNING]})
    with pytest.raises(TransientError, match=r"still running after 20 minutes.*it is not bought again"):
        render(project, stuck)
    row = effects(project)[2]
    assert (row["state"], row["reserved_usd"], row["attempts"]) == ("sent", Decimal("0.5"), 1)
    assert isinstance(project.clock, FakeClock)
    assert RENDER_DEADLINE_S <= project.clock.monotonic() < RENDER_DEADLINE_S + 60
    assert max(project.clock.slept) <= 10
    later = FakeVideoGenerator(tiny_clip)
    render(project, later)
    assert (later.submitted, later.followed) == ([], [row["handle"]["request_id"]])


def test_a_read_that_fails_is_only_a_read(project: Project, tiny_clip: Path) -> None:
    down = TransientError(attempted="read", answer="HTTP 502")
    source = FakeVideoGenerator(tiny_clip, jobs={3: [down, down, RUNNING, down, DONE]})
    render(project, source)
    assert numbers(source) == [1, 2, 3]


def test_a_refused_submit_costs_nothing_and_a_lost_one_parks(project: Project, tiny_clip: Path) -> None:
    lost = UnknownOutcomeError(attempted="submit", answer="the connection closed")
    source = FakeVideoGenerator(tiny_clip, submits=[lost], finds=cannot_look_up())
    with pytest.raises(UnknownOutcomeError):
        render(project, source)
    (unknown,) = ledger_rows(project, state="unknown")
    project.providers["fal"] = source
    (outcomes,) = reconcile(project)
    assert (outcomes.outcome, outcomes.effect_id) == ("parked", unknown["id"])
    assert f"dayreel reconcile --effect {unknown['id']} --found ID (or --not-there)" in outcomes.next_step
    assert ledger_rows(project, state="unknown")[0]["reserved_usd"] == Decimal("0.5")
    again = FakeVideoGenerator(tiny_clip)
    with pytest.raises(UnknownOutcomeError):
        render(project, again)
    assert again.submitted == []
    outcome = resolve(project, unknown["id"], reference=f"r9-s{unknown['sequence']}", by="ana")
    assert outcome.outcome == "goes_on"
    render(project, again)
    assert (again.submitted, again.followed) == ([], [f"r9-s{unknown['sequence']}"])


@pytest.mark.parametrize("damage", [b"", b"<html>not found</html>", "half"])
def test_a_damaged_download_is_fetched_again_and_never_rebought(project: Project, tiny_clip: Path, damage: Any) -> None:
    broken = tiny_clip.read_bytes()[: tiny_clip.stat().st_size // 2] if damage == "half" else damage
    source = FakeVideoGenerator(tiny_clip, downloads=[broken])
    render(project, source)
    assert (len(source.submitted), len(source.fetched)) == (3, 4)
    assert all(project.contents.is_intact(ID, segment.file) for segment in project.contents.manifest(ID).segments)


def test_a_file_that_stays_damaged_is_an_error_and_stays_paid(project: Project, tiny_clip: Path) -> None:
    source = FakeVideoGenerator(tiny_clip, downloads=[b"<html>"] * 6)
    with pytest.raises(MediaError):
        render(project, source)
    again = FakeVideoGenerator(tiny_clip)
    render(project, again)
    assert again.submitted == []


def test_a_download_that_breaks_off_is_tried_again(project: Project, tiny_clip: Path) -> None:
    off = TransientError(attempted="fetch", answer="broke off")
    source = FakeVideoGenerator(tiny_clip, downloads=[off, off])
    render(project, source)
    assert len(source.fetched) == 5


def test_caps_hold_segment_by_segment(make_project: MakeProject, tiny_clip: Path) -> None:
    project = make_project(config={"cap.content_usd": "1.20"})
    prepare(project)
    source = FakeVideoGenerator(tiny_clip)
    with pytest.raises(GateClosedError, match=r"cap\.content_usd = \$1\.20"):
        render(project, source)
    assert len(source.submitted) == 2
    assert sum(row["settled_usd"] or 0 for row in ledger_rows(project)) == 1


def test_two_runs_under_a_ten_cent_daily_cap_spend_at_most_that(make_project: MakeProject, tiny_clip: Path) -> None:
    """Each segment costs $0.05: of six that two channels want at once, two are bought."""
    small = {"segments": {"count": 3, "duration_s": 1, "resolution": "480p"}}
    project = make_project(channels={"crafts": small, "glass": small}, config={"cap.day_usd": "0.10"})
    prepare(project)
    row = open_content(project, channel_of(project, "glass"), DAY)
    manifest = project.contents.manifest(ID)
    fields = {"idea": manifest.idea, "prompts": manifest.prompts}
    run_stage(project, row, Work("prompts", "f", "o"), lambda: Product(fields))
    source, outcomes = FakeVideoGenerator(tiny_clip), []

    def one_run(name: str) -> None:
        try:
            render_segments(make_project(channels={}), channel_of(project, name), DAY, source=source)
        except GateClosedError as refusal:
            outcomes.append(str(refusal))

    threads = [threading.Thread(target=one_run, args=(name,)) for name in ("crafts", "glass")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 2
    assert all("cap.day_usd = $0.10" in outcome for outcome in outcomes)
    assert len(source.submitted) == 2
    assert sum(row["settled_usd"] or row["reserved_usd"] for row in ledger_rows(project)) == Decimal("0.10")


def test_progress_is_recorded_by_steps_and_a_poll_is_no_event(project: Project, tiny_clip: Path) -> None:
    queued = Job("queued", progress="3 before you")
    render(project, FakeVideoGenerator(tiny_clip, jobs={1: [queued, queued, RUNNING, RUNNING, RUNNING, DONE]}))
    assert [event for _, event, _ in transitions(project, f"{ID}#1")] == [
        "start",
        "progress",
        "progress",
        "progress",
        "complete",
    ]


def test_one_segment_is_recreated_and_the_good_ones_are_kept(project: Project, tiny_clip: Path) -> None:
    before = render(project, FakeVideoGenerator(tiny_clip)).manifest.segments
    regenerate_segment(project, ID, 2)
    source = FakeVideoGenerator(tiny_clip)
    after = render(project, source).manifest.segments
    assert numbers(source) == [2]
    assert dict(source.submitted)[2].seed == 1
    assert source.fetched == ["video_2.mp4"], "the vendor's links to the good ones may be long dead"
    assert (after[0], after[2]) == (before[0], before[2])
    regenerate_segment(project, ID, 2)
    source = FakeVideoGenerator(tiny_clip)
    render(project, source)
    assert dict(source.submitted)[2].seed == 2
    with pytest.raises(UsageError, match=r"no segment 4.*1, 2, 3"):
        regenerate_segment(project, ID, 4)


def left_running(project: Project, clip: Path, **more: Any) -> FakeVideoGenerator:
    """Leave segment 2 at its deadline, and return its service."""
    stuck = FakeVideoGenerator(clip, jobs={2: [RUNNING]}, **more)
    with pytest.raises(TransientError):
        render(project, stuck)
    project.providers["fal"] = stuck
    return stuck


def test_cancelling_stops_what_runs_and_keeps_what_is_done(project: Project, tiny_clip: Path) -> None:
    stuck = left_running(project, tiny_clip)
    assert cancel_renders(project, ID) == ["segment 2: fal stops it; it is not billed"]
    row = effects(project)[2]
    assert stuck.cancelled == [row["handle"]["request_id"]]
    assert (row["state"], row["settled_usd"]) == ("refused", 0)
    assert states(project)[1] == "failed"
    assert cancel_renders(project, ID) == []


@pytest.mark.parametrize(
    ("then", "words", "state", "settled"),
    [
        (DONE, "fal had made it by then; it is paid and kept", "confirmed", Decimal("0.5")),
        (RUNNING, "fal is asked to stop it; `dayreel reconcile` says how it ended", "sent", None),
    ],
)
def test_a_wish_to_cancel_is_no_proof_that_nothing_was_made(
    project: Project, tiny_clip: Path, then: Job, words: str, state: str, settled: Decimal | None
) -> None:
    stuck = left_running(project, tiny_clip)
    stuck.after_cancel = then
    assert cancel_renders(project, ID) == [f"segment 2: {words}"]
    row = effects(project)[2]
    assert (row["state"], row["settled_usd"], row["reserved_usd"]) == (state, settled, Decimal("0.5"))


def test_what_another_process_follows_is_left_to_it_to_settle(project: Project, tiny_clip: Path) -> None:
    stuck = left_running(project, tiny_clip)
    with project.catalog.write() as connection:
        beat_elsewhere(connection)
        theirs = {"owner": ELSEWHERE, "lease_until_at": None}
        connection.execute(update(tables.effects).where(tables.effects.c.sequence == 2).values(**theirs))
    (report,) = cancel_renders(project, ID)
    assert "process 1 on another-host, which follows it" in report
    assert (effects(project)[2]["state"], len(stuck.cancelled)) == ("sent", 1)
    report = r"Segment 2 .* is being made right now, by process 1 on another-host since 2026-11-20T09:\d\d:00\+00:00"
    with pytest.raises(BusyError, match=report):
        regenerate_segment(project, ID, 2)
    assert seeds(project) == [None] * 3


def test_a_segment_cannot_be_regenerated_while_content_is_made(project: Project, tiny_clip: Path) -> None:
    """Not even of a segment that is done, or waits for its next try: the process that is at it would not know."""
    turned_away: list[str] = []
    one_at_a_time = threading.Lock()

    class Asked(FakeVideoGenerator):
        def follow(self, handle: dict[str, Any]) -> Job:
            with one_at_a_time, pytest.raises(BusyError) as refusal:
                regenerate_segment(project, ID, 2)
            turned_away.append(refusal.value.message)
            return super().follow(handle)

    source = Asked(tiny_clip, together=3)
    render(project, source)
    host = socket.gethostname()
    who = f"to make raw_segments of {ID} (process {os.getpid()} on {host}, since 2026-11-20T09:00:00+00:00)"
    assert set(turned_away) == {f"Another process is already at it: {who}."}
    assert (numbers(source), seeds(project)) == ([1, 2, 3], [None] * 3)


def test_a_segment_cannot_be_regenerated_between_steps_of_a_day(project: Project, tiny_clip: Path) -> None:
    render(project, FakeVideoGenerator(tiny_clip))
    what = f"make crafts for {DAY}"
    with (
        project.leases.held(day_scope("crafts", DAY), what=what, at=project.clock.now()),
        pytest.raises(BusyError, match=f"to make crafts for {DAY}"),
    ):
        regenerate_segment(project, ID, 2)
    assert seeds(project) == [None] * 3
    regenerate_segment(project, ID, 2)
    assert seeds(project) == [None, 1, None]


def test_a_job_that_cannot_be_cancelled_is_kept(project: Project, tiny_clip: Path) -> None:
    left_running(project, tiny_clip, cancels=False)
    assert cancel_renders(project, ID) == ["segment 2: fal has finished it or cannot stop it; it is kept"]
    assert effects(project)[2]["state"] == "sent"


def test_a_segment_of_an_earlier_take_is_not_made_again(project: Project, tiny_clip: Path) -> None:
    row = content_row(project, ID)
    with project.catalog.write() as connection:
        connection.execute(update(tables.content).values(state="rejected"))
    newest = open_new_take(project, row)
    for act in (lambda: regenerate_segment(project, ID, 2), lambda: reopen_refused(project, ID)):
        with pytest.raises(UsageError, match="is not the newest take") as refusal:
            act()
        assert newest.id in refusal.value.next_step


def test_a_refused_segment_holds_no_money_once_it_is_reopened(make_project: MakeProject, tiny_clip: Path) -> None:
    """Its old reservation must not count against the cap beside the new one."""
    project = make_project(config={"cap.content_usd": "1.50"})
    prepare(project)
    with pytest.raises(PermanentError):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [FAILED]}))
    reopen_refused(project, ID)
    assert effects(project)[2]["reserved_usd"] == 0
    assert render(project, FakeVideoGenerator(tiny_clip)).record.cost_usd == Decimal("1.5")


def test_a_failure_that_is_billed_stays_in_the_books(project: Project, tiny_clip: Path) -> None:
    billed = replace(UNLUCKY, cost_usd=Decimal("0.4"))
    with pytest.raises(PermanentError, match=r"billed all the same: \$0\.40"):
        render(project, FakeVideoGenerator(tiny_clip, jobs={2: [billed]}))
    reopen_refused(project, ID)
    reopen_refused(project, ID)
    assert render(project, FakeVideoGenerator(tiny_clip)).record.cost_usd == Decimal("1.5")
    rows = ledger_rows(project)
    assert sum(row["settled_usd"] for row in rows if row["kind"] == "segment") == Decimal("1.9")


def test_what_a_service_bills_is_booked_and_not_its_price(project: Project, tiny_clip: Path) -> None:
    cheaper = replace(DONE, cost_usd=Decimal("0.3"))
    made = render(project, FakeVideoGenerator(tiny_clip, jobs={1: [cheaper]}))
    assert made.record.cost_usd == Decimal("1.3")


def test_an_address_that_has_ended_is_asked_for_again(project: Project, tiny_clip: Path) -> None:
    gone = PermanentError(attempted="fetch", answer="HTTP 403")
    fresh: list[Job | BaseException] = [replace(DONE, file_url="file://fresh")]
    source = FakeVideoGenerator(tiny_clip, jobs=dict.fromkeys((1, 2, 3), fresh), downloads=[gone])
    with pytest.raises(PermanentError):  # of the segments whose address stays the same, the refusal stands
        render(project, FakeVideoGenerator(tiny_clip, downloads=[gone] * 3))
    render(project, source)
    assert source.submitted == []


def test_a_service_is_asked_no_more_often_than_it_allows(project: Project, tiny_clip: Path) -> None:
    write_channel(project.settings.root, "crafts", video={"provider": "runway", "model": "gen4.5"})
    assert isinstance(project.clock, FakeClock)
    with mock.patch.object(project.clock, "sleep", wraps=project.clock.sleep) as sleep:
        render(project, FakeVideoGenerator(tiny_clip, name="runway", jobs={1: [RUNNING, RUNNING, DONE]}))
    assert min(call.args[0] for call in sleep.call_args_list) >= 5


def test_what_is_missing_is_reported_before_anything_is_bought(make_project: MakeProject, tiny_clip: Path) -> None:
    source = FakeVideoGenerator(tiny_clip)
    project = make_project(channels={"crafts": {"video": {"provider": "fal", "model": "fal-ai/new"}}})
    with pytest.raises(UsageError, match="has no idea yet"):
        render(project, source)
    prepare(project)
    with pytest.raises(ConfigurationError, match="'fal-ai/new' has no price"):
        render(project, source)
    assert (source.submitted, ledger_rows(project, kind="segment")) == ([], [])


@pytest.mark.slow
def test_stills_are_footage_where_the_channel_says_so(make_project: MakeProject) -> None:
    own = {"provider": "clips", "folder": "stills", "stills": True, "model": None}
    once = {"count": 1, "duration_s": 1, "resolution": "480p"}
    project = make_project(channels={"crafts": {"video": own, "segments": once, "prompts": None}})
    folder = project.settings.channels_dir / "stills"
    folder.mkdir()
    Image.linear_gradient("L").save(folder / "slope.jpg")
    row = open_content(project, channel_of(project), DAY)
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
    run_stage(project, row, Work("ideas", "f", "a"), lambda: Product({"idea": idea}, {"idea": idea.idea}))
    footage = OwnFootage(root=project.settings.root)
    made = render_segments(project, channel_of(project), DAY, source=footage)
    (segment,) = made.manifest.segments
    assert (segment.width, segment.height, segment.duration_s) == (480, 854, 1.0)
    assert made.record.parameters["footage"][0]["motion"] == "pan"
    write_channel(project.settings.root, "crafts", video={**own, "stills": False}, segments=once, prompts=None)
    with pytest.raises(ConfigurationError, match="has no video file"):
        render_segments(project, channel_of(project), DAY, source=footage)


def own_shots(project: Project, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Path]]:
    """Write a film of red, green and blue shots to the channel's folder; the list fills with what scenes are looked for
    in.
    """
    folder = project.settings.channels_dir / "shots"
    folder.mkdir()
    shots = zip(("red", "green", "blue"), (0.7, 1.5, 1.6), strict=True)
    inputs = [part for name, s in shots for part in ("-f", "lavfi", "-i", f"color={name}:s=90x160:r=30:d={s}")]
    film = folder / "shots.mp4"
    joined = ["-filter_complex", "concat=n=3:v=1:a=0", "-c:v", "libx264", "-preset", "ultrafast", str(film)]
    subprocess.run([str(find_ffmpeg()), "-v", "error", *inputs, *joined], check=True)
    looked_through: list[Path] = []

    def find(path: Path) -> list[float]:
        looked_through.append(path)
        return find_scenes(path)

    monkeypatch.setattr(own_footage, "find_scenes", find)
    return film, looked_through


def colours(segment: Path) -> set[int]:
    """Return which of red, green and blue is strongest in the pictures of a film."""
    with av.open(str(segment)) as container:
        return {
            int(frame.to_ndarray(format="rgb24")[100:-100].mean((0, 1)).argmax()) for frame in container.decode(video=0)
        }


@pytest.mark.slow
def test_segments_begin_with_a_scene_and_stay_in_it(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"provider": "clips", "folder": "shots", "in_points": "scene", "model": None}
    segments = {"count": 2, "duration_s": 1, "resolution": "480p"}
    project = make_project(channels={"crafts": {"video": own, "segments": segments, "prompts": None}})
    film, looked_through = own_shots(project, monkeypatch)
    row = open_content(project, channel_of(project), DAY)
    idea = Idea(idea="A jar rises from wet clay", caption="Clay", topic="clay")
    run_stage(project, row, Work("ideas", "f", "a"), lambda: Product({"idea": idea}, {"idea": idea.idea}))
    footage = OwnFootage(root=project.settings.root)
    made = render_segments(project, channel_of(project), DAY, source=footage)
    picks = made.record.parameters["footage"]
    assert sorted(pick["start_s"] for pick in picks) == [0.7, 2.2]
    assert {pick["in_point"] for pick in picks} == {
        "begins with scene 2 of 3, which lasts 1.50 s",
        "begins with scene 3 of 3, which lasts 1.60 s",
    }
    shown = [colours(project.contents.path(row.id, segment.file)) for segment in made.manifest.segments]
    assert sorted(map(tuple, shown)) == [(1,), (2,)]
    assert render_segments(project, channel_of(project), DAY, source=footage).reused
    preview = preview_video(project, channel_of(project), content_id=row.id)
    assert preview.in_points[0] == f"1: shots.mp4 from {picks[0]['start_s']:.2f} s, {picks[0]['in_point']}"
    # Scenes are found once for the same bytes; a list that was damaged is found again.
    assert looked_through == [film]
    (kept,) = (project.settings.var_dir / "scenes").iterdir()
    kept.write_text("{")
    assert render_segments(project, channel_of(project), DAY, source=footage).reused
    assert looked_through == [film, film]
