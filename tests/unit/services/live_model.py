"""The model of what may be live, for any order of editing, rendering, deciding, publishing and dying."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dayreel.errors import DayreelError, GateClosedError, ProviderError
from dayreel.queries.review import DecisionVerdict, bound_fields
from dayreel.schemas.content import Idea
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.stores.files import sha256_of
from tests.fakes.clock import FakeClock
from tests.fakes.platform import FakePlatform, Killed, Step, World
from tests.fakes.prepared import lay_out, reviewable_project
from tests.fakes.project import channel_of, content_row, ledger_rows, make_project, reviewable, write_channel

ID = "crafts-2026-11-20"
STEPS: tuple[Step, ...] = get_args(Step)
EVENTS = (*("approve", "post") * 2, "reject", "edit", "render", "fields", "hashtags", "look", *STEPS[1:])


@dataclass(frozen=True)
class Approved:
    """What the model believes may go out."""

    video_sha256: str
    caption: str
    fields: dict[str, Any]
    hashtags: tuple[str, ...]


class WhatIsLive(RuleBasedStateMachine):
    """The model is three lines: an approval binds what is there; anything else voids it; live means approved."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # hundreds of small projects: a disk would spend minutes on them
        self.root = Path(tempfile.mkdtemp(prefix="dayreel-live-", dir=memory if memory.is_dir() else None))
        lay_out(reviewable_project(video=b"video 0"), self.root)
        self.clock = FakeClock()
        self.world = World()
        self.project = make_project(self.root, channels={}, clock=self.clock)
        self.approved: Approved | None = None
        self.seen_live = 0

    def teardown(self) -> None:
        self.project.catalog.close()
        shutil.rmtree(self.root)

    def now(self) -> Approved:
        video = sha256_of(self.project.contents.folder(ID) / "final_video.mp4")
        row = content_row(self.project, ID)
        fields = bound_fields(channel_of(self.project))["instagram"]
        return Approved(video, row.caption or "", fields, self.idea().hashtags)

    def idea(self) -> Idea:
        manifest_idea = self.project.contents.manifest(ID).idea
        assert manifest_idea is not None
        return manifest_idea

    def say(self, verdict: DecisionVerdict, **more: Any) -> bool:
        try:
            decide(self.project, ID, verdict, by="ana", via="cli", **more)
        except DayreelError:
            return False  # not possible from here: nothing was said
        self.approved = self.now() if verdict == "approved" else None
        return True

    @initialize(is_approved=st.booleans())
    def decide_at_first(self, is_approved: bool) -> None:
        if is_approved:
            self.approve()

    @rule(event=st.sampled_from(EVENTS), number=st.integers(0, 2))
    def something_happens(self, event: str, number: int) -> None:
        """One rule for all events: Hypothesis would leave out some of several rules, and then little goes live."""
        match event:
            case "approve":
                self.approve()
            case "reject":
                self.reject()
            case "edit":
                self.edit(("Clay", "Rain", "Clay and rain")[number])
            case "render":
                self.render_again(number)
            case "fields":
                self.change_the_channels_fields(bool(number))
            case "hashtags":
                self.change_the_ideas_hashtags(("#craft", "#clay", "#rain")[number])
            case "look":
                self.look_up()
            case _:
                self.publish(event)

    def render_again(self, number: int) -> None:
        before = self.now()
        try:
            reviewable(self.project, video=f"video {number}".encode())
        except DayreelError:
            return  # it is publishing or posted: its video can no longer change
        if self.now() != before or content_row(self.project, ID).state == "review_pending":
            self.approved = None

    def edit(self, words: str) -> None:
        self.say("edited", caption=words)

    def approve(self) -> None:
        self.say("approved")

    def reject(self) -> None:
        self.say("rejected")

    def change_the_channels_fields(self, is_disclosed: bool) -> None:
        write_channel(self.root, "crafts", platforms={"instagram": {"ai_disclosure": is_disclosed}})

    def change_the_ideas_hashtags(self, tag: str) -> None:
        """By hand, in the manifest: whatever makes a new idea leads back to review by itself."""
        self.project.contents.update(ID, idea=self.idea().model_copy(update={"hashtags": (tag,)}))

    def look_up(self) -> None:
        self.project.providers["instagram"] = FakePlatform(world=self.world)
        reconcile(self.project)
        reopen_refused(self.project, ID)

    def publish(self, step: Any) -> None:
        current = self.now()
        in_doubt = [row for row in ledger_rows(self.project, kind="post") if row["state"] in ("sent", "unknown")]
        steps = [step] * (3 if step == "transient" else 1)
        platform = FakePlatform(world=self.world, steps=steps)
        try:
            publish_post(self.project, channel_of(self.project), ID, "instagram", provider=platform)
        except GateClosedError:
            assert platform.posted == []
            # What may be out already is looked up first; a clean slate may not be held at all.
            held_by_an_earlier_try = self.world.containers or in_doubt or self.approved is None
            assert held_by_an_earlier_try or current != self.approved
        except ProviderError:
            pass
        except Killed:
            self.project.catalog.close()
            self.project = make_project(self.root, channels={}, clock=self.clock)

    @invariant()
    def there_is_never_more_than_one_post(self) -> None:
        assert len(self.world.live) <= 1

    @invariant()
    def what_is_live_was_approved_when_it_went_live(self) -> None:
        if len(self.world.live) == self.seen_live:
            return
        self.seen_live = len(self.world.live)
        (live,) = self.world.live
        assert self.approved is not None
        assert live.video_sha256 == self.approved.video_sha256
        assert live.caption.startswith(f"{self.approved.caption}\n\n{self.approved.hashtags[0]}")
        assert live.fields == self.approved.fields

    @invariant()
    def a_content_that_is_posted_is_live(self) -> None:
        if content_row(self.project, ID).state == "posted":
            assert len(self.world.live) == 1


def of_examples(number: int) -> settings:
    """Return the settings for so many runs of the machine."""
    quiet = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=number, stateful_step_count=8, suppress_health_check=quiet)
