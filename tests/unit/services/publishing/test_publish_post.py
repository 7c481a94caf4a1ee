"""Publishing: through every gate, twice; exactly what was approved; at most once."""

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from sqlalchemy import null, update

from dayreel.errors import (
    BusyError,
    ConfigurationError,
    DayreelError,
    GateClosedError,
    PermanentError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.providers.platforms.contract import PostFinding, Quota, Receipt
from dayreel.queries.contents import read_status
from dayreel.queries.rows import posts_of
from dayreel.rules.gates import GateName
from dayreel.rules.post_words import post_marker
from dayreel.services.configure import write_config
from dayreel.services.effects.ledger import EffectLedger
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import read_accounts
from dayreel.services.publishing.plan_posts import Plan, plan_posts
from dayreel.services.publishing.publish_post import Posted, UnfitWordsError, publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.due_work import due_posts
from dayreel.services.upkeep.reconcile import reconcile
from dayreel.services.upkeep.retry_content import reopen_refused
from dayreel.stores.catalog.tables import content, decisions, effects, platform_posts
from dayreel.stores.files import sha256_of
from dayreel.stores.leases import Leases
from tests.fakes.clock import FakeClock
from tests.fakes.holders import ELSEWHERE, beat_elsewhere
from tests.fakes.platform import FakePlatform, Killed, World
from tests.fakes.prepared import lay_out, reviewable_project
from tests.fakes.project import channel_of, content_row, ledger_rows, reviewable, transitions, write_channel

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]


@pytest.fixture
def project(make_project: MakeProject, tmp_path: Path) -> Project:
    lay_out(reviewable_project(is_approved=True), tmp_path)
    return make_project(channels={})


def approve(project: Project, **more: Any) -> None:
    row = reviewable(project, **more)
    decide(project, row.id, "approved", by="ana", via="cli")


def publish(project: Project, platform: FakePlatform, content_id: str = ID) -> Posted:
    name, _, _ = content_id.partition("-")
    return publish_post(project, channel_of(project, name), content_id, platform.name, provider=platform)


def plan(project: Project, platform: FakePlatform) -> Plan:
    project.providers[platform.name] = platform
    (plans,) = plan_posts(project, channel_of(project), ID)
    return plans


def post_row(project: Project, platform: str = "instagram", content_id: str = ID) -> dict[str, Any]:
    with project.catalog.read() as connection:
        return next(vars(post) for post in posts_of(connection, [content_id]) if post.platform == platform)


def set_config(project: Project, name: str, value: str) -> None:
    with project.catalog.write() as connection:
        write_config(connection, name, value, by="ana", at=project.clock.now())


def test_the_approved_words_go_live_with_their_hashtags(project: Project) -> None:
    platform = FakePlatform()
    posted = publish(project, platform)
    (live,) = platform.world.live
    assert live.caption == "Clay, patience\n\n#craft #handmade"
    assert live.video_sha256 == sha256_of(project.contents.folder(ID) / "final_video.mp4")
    assert live.fields == {"ai_disclosure": True, "share_to_feed": True, "hashtags": ["#handmade"]}
    assert (posted.state, posted.post_id, posted.fresh) == ("posted", "p-c1", True)
    assert posted.url == "https://instagram.example/p/p-c1"
    assert posted.decision.decided_by == "ana"
    row = post_row(project)
    assert (row["state"], row["post_id"], row["posted_at"], row["posted_on"].isoformat()) == (
        "posted",
        "p-c1",
        project.clock.now(),
        "2026-11-20",
    )
    assert content_row(project, ID).state == "posted"
    assert [event for _, event, _ in transitions(project, ID)][-3:] == ["approve", "publish", "finish"]


@pytest.mark.parametrize("is_bound", [True, False], ids=["words bound", "from before words were bound"])
def test_what_was_approved_with_a_marker_keeps_it(make_project: MakeProject, is_bound: bool) -> None:
    project = make_project(channels={"crafts": {"caption_marker": True, "platforms": {"instagram": {}}}})
    approve(project)
    if not is_bound:
        with project.catalog.write() as connection:
            connection.execute(update(decisions).values(words=null()))
    write_channel(project.settings.root, "crafts", platforms={"instagram": {}})
    assert channel_of(project).caption_marker is False
    assert plan(project, FakePlatform()).may_go_out
    platform = FakePlatform()
    publish(project, platform)
    (live,) = platform.world.live
    assert live.caption == f"Clay, patience\n\n#craft\n\n{post_marker(ID)}"


def test_a_post_never_names_music_that_is_not_in_its_video(make_project: MakeProject) -> None:
    music = {"file": "slow.mp3", "licence": "Slow River, CC BY 4.0", "licence_in_posts": True}
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}}, "edit": {"music": music}}})
    approve(project)
    with pytest.raises(UsageError, match=r"'Slow River, CC BY 4\.0', and its video was composed without music"):
        publish(project, platform := FakePlatform())
    assert platform.world.live == []


def test_an_approval_without_a_marker_goes_out_without_it(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}}}})
    approve(project)
    write_channel(project.settings.root, "crafts", caption_marker=True, platforms={"instagram": {}})
    platform = FakePlatform()
    publish(project, platform)
    assert platform.world.live[0].caption == "Clay, patience\n\n#craft"


def test_words_that_are_not_taken_fail_the_post(make_project: MakeProject) -> None:
    """Nothing had said so: the content stayed approved, and the same refusal came back at every tick."""
    project = make_project()
    row = reviewable(project)
    decide(project, row.id, "edited", by="ana", via="cli", caption="clay " * 500)
    decide(project, row.id, "approved", by="ana", via="cli")
    platform = FakePlatform()
    for _ in range(2):
        with pytest.raises(UnfitWordsError, match="review edit"):
            publish(project, platform)
    post = post_row(project)
    assert (post["state"], "instagram takes" in post["error_message"]) == ("failed", True)
    assert due_posts(project, days={"2026-11-20"}) == []
    with project.catalog.read() as connection:
        (status,) = read_status(project, connection, [content_row(project, ID)]).contents
    assert (status.standing, status.next_step) == ("post failed", f"dayreel why {ID}")
    decide(project, row.id, "edited", by="ana", via="cli", caption="Clay, patience")
    decide(project, row.id, "approved", by="ana", via="cli")
    assert [due.platform for due in due_posts(project, days={"2026-11-20"})] == ["instagram"]
    assert publish(project, platform).state == "posted"
    assert len(platform.world.live) == 1


def test_a_refusal_nobody_noted_ends_with_the_next_approval(make_project: MakeProject) -> None:
    """The process died between the ledger and the post: it stood as being sent, and no approval let it go out."""
    project = make_project()
    row = reviewable(project)
    decide(project, row.id, "edited", by="ana", via="cli", caption="clay " * 500)
    decide(project, row.id, "approved", by="ana", via="cli")
    platform = FakePlatform()
    with pytest.raises(UnfitWordsError):
        publish(project, platform)
    with project.catalog.write() as connection:
        connection.execute(update(platform_posts).values(state="sending"))
    assert due_posts(project, days={"2026-11-20"}) == []
    decide(project, row.id, "edited", by="ana", via="cli", caption="Clay, patience")
    decide(project, row.id, "approved", by="ana", via="cli")
    assert [due.platform for due in due_posts(project, days={"2026-11-20"})] == ["instagram"]
    assert publish(project, platform).state == "posted"


@pytest.mark.parametrize("kind", [UsageError, ConfigurationError])
def test_a_post_that_can_never_be_sent_is_tried_once(project: Project, kind: type[DayreelError]) -> None:
    """A video that is gone was sent off six times; one without a way to a public address was sending for ever."""
    platform = FakePlatform(steps=[kind("It cannot be sent.", next_step="Put that back.")])
    with pytest.raises(kind):
        publish(project, platform)
    (effect,) = [row for row in ledger_rows(project) if row["kind"] == "post"]
    assert (effect["state"], post_row(project)["state"]) == ("refused", "failed")
    project.clock.sleep(3600)
    assert due_posts(project, days={"2026-11-20"}) == []
    reopen_refused(project, ID)
    assert publish(project, FakePlatform()).state == "posted"


def test_a_refusal_behind_a_handle_is_believed_after_a_look(project: Project) -> None:
    """Instagram published and answered 190; each layer is tried by itself, whatever the platform's own client asks."""
    platform = FakePlatform(steps=["refused_after_publish"])
    assert publish(project, platform).state == "posted"
    assert (len(platform.looked_up), len(platform.world.live)) == (1, 1)


def test_a_look_that_cannot_be_read_leaves_a_refusal_in_doubt(project: Project) -> None:
    unreadable = TransientError(attempted="look", answer="HTTP 503")
    with pytest.raises(UnknownOutcomeError, match="code 190; and a look after that: HTTP 503"):
        publish(project, FakePlatform(steps=["refused_after_publish"], sees=unreadable))
    (effect,) = [row for row in ledger_rows(project) if row["kind"] == "post"]
    assert effect["state"] == "unknown"


def test_a_refused_post_keeps_its_handle_when_it_is_reopened(project: Project) -> None:
    platform = FakePlatform(steps=["refused_after_publish"], sees=PostFinding("refused", "The container has failed."))
    with pytest.raises(PermanentError, match="code 190"):
        publish(project, platform)
    reopen_refused(project, ID)
    assert publish(project, platform).state == "posted"
    assert list(platform.world.containers) == ["c1"], "it goes on from what the platform gave"


def test_another_contents_post_is_not_the_lost_one(make_project: MakeProject) -> None:
    """Two contents with the same words: a look that finds the other's post may not settle this one."""
    project = make_project(channels={"crafts": {}, "glass": {}})
    world = World()
    for name in ("crafts", "glass"):
        approve(project, name=name, video=name.encode())
    publish(project, FakePlatform(world=world))
    theirs = Receipt("posted", "p-c1", "https://instagram.example/p/p-c1", {})
    lost = FakePlatform(world=world, steps=["lost_request"], sees=PostFinding("live", "It has its words.", theirs))
    with pytest.raises(UnknownOutcomeError):
        publish(project, lost, "glass-2026-11-20")
    project.providers["instagram"] = lost
    (looked,) = [outcome for outcome in reconcile(project) if outcome.content_id == "glass-2026-11-20"]
    assert (looked.outcome, "that is the post of crafts-2026-11-20" in looked.evidence) == ("parked", True)


def test_publishing_again_finds_the_post_and_sends_nothing(project: Project) -> None:
    platform = FakePlatform()
    first = publish(project, platform)
    again = publish(project, platform)
    assert (again.fresh, again.post_id, again.effect.id) == (False, first.post_id, first.effect.id)
    assert len(platform.posted) == 1


def test_the_content_is_posted_only_when_all_its_platforms_are(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}})
    approve(project)
    publish(project, FakePlatform())
    assert content_row(project, ID).state == "publishing"
    publish(project, FakePlatform("youtube"))
    row = content_row(project, ID)
    assert (row.state, row.posted_at) == ("posted", project.clock.now())


def test_a_post_that_is_still_processing_is_no_success_yet(project: Project) -> None:
    platform = FakePlatform(steps=["processing"])
    assert publish(project, platform).state == "processing"
    assert (post_row(project)["state"], post_row(project)["post_url"]) == ("processing", None)
    assert content_row(project, ID).state == "publishing"
    assert publish(project, platform).fresh is False
    assert len(platform.world.live) == 1


def test_a_post_that_is_out_otherwise_than_asked_says_so(project: Project) -> None:
    platform = FakePlatform()
    platform.notice = "It keeps it private."
    publish(project, platform)
    with project.catalog.read() as connection:
        (status,) = read_status(project, connection, [content_row(project, ID)]).contents
    (post,) = status.posts
    assert (post.state, post.error) == ("posted", "It keeps it private.")
    assert content_row(project, ID).state == "posted"


# -- what an approval is for ---------------------------------------------------------------------------------------


def change_the_hashtags(project: Project, *tags: str) -> None:
    idea = project.contents.manifest(ID).idea
    assert idea is not None
    project.contents.update(ID, idea=idea.model_copy(update={"hashtags": tags}))


def forget_the_words(project: Project) -> None:
    """Make the approvals there are as they were before they bound words."""
    with project.catalog.write() as connection:
        connection.execute(update(decisions).values(words=null()))


def test_hashtags_other_than_the_approved_ones_do_not_go_out(project: Project) -> None:
    change_the_hashtags(project, "#clay")
    platform = FakePlatform()
    message = (
        r"approved by ana, but since then changed: the hashtags on instagram \(approved '#craft #handmade', now '#clay"
    )
    with pytest.raises(GateClosedError, match=message):
        publish(project, platform)
    assert (platform.posted, ledger_rows(project, kind="post")) == ([], [])
    decide(project, ID, "recalled", by="ana", via="cli")
    decide(project, ID, "approved", by="ana", via="cli")
    publish(project, platform)
    assert "#clay #handmade" in platform.world.live[0].caption


def test_the_channels_title_is_bound_where_it_goes_out(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"outbox": {}, "instagram": {}}}})
    approve(project)
    write_channel(project.settings.root, "crafts", title="Pots", platforms={"outbox": {}, "instagram": {}})
    with pytest.raises(GateClosedError, match=r"the title on outbox \(approved 'Crafts', now 'Pots'\)"):
        publish(project, FakePlatform("outbox"))
    assert publish(project, FakePlatform()).state == "posted", "Instagram gets no title"


def test_an_older_approval_without_words_still_lets_a_post_out(project: Project) -> None:
    forget_the_words(project)
    change_the_hashtags(project, "#clay")
    assert publish(project, FakePlatform()).state == "posted"


# -- gates ---------------------------------------------------------------------------------------------------------


def close_switch(project: Project) -> FakePlatform:
    set_config(project, "switch", "off")
    return FakePlatform()


def close_window(project: Project) -> FakePlatform:
    write_channel(project.settings.root, "crafts", publish_windows=["18:00-19:00"])
    return FakePlatform()


def close_quota(project: Project) -> FakePlatform:
    return FakePlatform(quota=Quota(25, 25, "24 h"))


def reject(project: Project) -> FakePlatform:
    decide(project, ID, "rejected", by="ben", via="cli")
    return FakePlatform()


def edit(project: Project) -> FakePlatform:
    decide(project, ID, "edited", by="ben", via="cli", caption="other words")
    return FakePlatform()


def change_fields(project: Project) -> FakePlatform:
    write_channel(project.settings.root, "crafts", platforms={"instagram": {"ai_disclosure": False}})
    return FakePlatform()


def render_again(project: Project) -> FakePlatform:
    reviewable(project, video=b"other bytes")
    return FakePlatform()


CLOSING = [
    (close_switch, "the kill switch has stopped everything"),
    (close_window, "the next opens at 2026-11-20T18:00+00:00"),
    (close_quota, "25 of 25 posts are used"),
    (reject, "the newest decision is rejected, by ben"),
    (edit, "the newest decision is edited, by ben"),
    (change_fields, "instagram.ai_disclosure (approved True, now False)"),
    (render_again, "the final video (approved"),
]


@pytest.mark.parametrize(("close", "words"), CLOSING, ids=[close.__name__ for close, _ in CLOSING])
def test_a_closed_gate_stops_the_post_and_is_named(
    project: Project, close: Callable[[Project], FakePlatform], words: str
) -> None:
    platform = close(project)
    planned = plan(project, platform)
    assert not planned.may_go_out
    assert any(words in gate.message for gate in planned.gates if not gate.is_open)
    with pytest.raises(GateClosedError) as refusal:
        publish(project, platform)
    assert words in refusal.value.message
    assert "dayreel publish crafts-2026-11-20 --plan" in refusal.value.next_step
    assert (platform.posted, ledger_rows(project, kind="post")) == ([], [])


def between_the_looks(project: Project, happens: Callable[[], None]) -> None:
    """Let something happen once, after the first look at the gates and before the claim."""
    ledger = project.ledger
    perform = ledger.perform

    def later(*arguments: Any) -> Any:
        vars(ledger).pop("perform")
        happens()
        return perform(*arguments)

    vars(ledger)["perform"] = later


def test_a_gate_that_closes_after_the_first_check_stops_a_claim(project: Project) -> None:
    platform = FakePlatform()
    between_the_looks(project, lambda: set_config(project, "switch", "off"))
    with pytest.raises(GateClosedError, match="kill switch"):
        publish(project, platform)
    assert platform.posted == []
    (row,) = ledger_rows(project, kind="post")
    assert (row["state"], row["attempts"], post_row(project)["state"]) == ("intended", 0, "failed")
    set_config(project, "switch", "on")
    assert publish(project, platform).state == "posted"


@pytest.mark.parametrize("verdict", ["rejected", "edited"])
def test_a_decision_reversed_before_the_claim_stops_the_post(project: Project, verdict: Any) -> None:
    platform = FakePlatform()
    between_the_looks(project, lambda: say(project, verdict))
    with pytest.raises(GateClosedError, match=f"the newest decision is {verdict}, by ben"):
        publish(project, platform)
    assert platform.posted == []


def test_words_approved_during_preparation_are_the_ones_posted(project: Project) -> None:
    """The request was prepared before; the approval that then holds is for other words."""

    class Slow(FakePlatform):
        def quota(self) -> Quota | None:
            if not self.asked:
                self.asked = True
                say(project, "edited")
                say(project, "approved")
            return None

        asked = False

    platform = Slow()
    with pytest.raises(GateClosedError, match="changed while it was being prepared"):
        publish(project, platform)
    assert platform.posted == []
    publish(project, platform)
    assert [live.caption.split("\n")[0] for live in platform.world.live] == ["Ben's words"]


def say(project: Project, verdict: Any, content_id: str = ID) -> None:
    decide(project, content_id, verdict, by="ben", via="cli", caption="Ben's words")


def test_the_live_world_is_a_dry_run_until_a_person_enables_it(make_project: MakeProject) -> None:
    project = make_project(world="live")
    approve(project)
    platform = FakePlatform()
    with pytest.raises(GateClosedError, match=r"dayreel config set publish\.instagram live"):
        publish(project, platform)
    set_config(project, "publish.instagram", "live")
    assert publish(project, platform).state == "posted"


def test_what_the_sandbox_made_never_reaches_a_real_platform(make_project: MakeProject) -> None:
    project = make_project()
    approve(project)
    live = make_project(world="live", config={"publish.instagram": "live"})
    platform = FakePlatform()
    with pytest.raises(GateClosedError, match="made in the sandbox world, which may never be posted to the live one"):
        publish(live, platform)
    assert platform.posted == []


def test_a_day_takes_so_many_posts_per_platform(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"max_posts_per_day": 1}})
    platform = FakePlatform()
    days = [datetime(2026, 11, day, tzinfo=UTC).date() for day in (19, 20)]
    for number, day in enumerate(days):
        approve(project, day=day, video=f"video {number}".encode())
    publish(project, platform, "crafts-2026-11-19")
    with pytest.raises(GateClosedError, match="1 of 1 posts of today are used"):
        publish(project, platform)
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=15)  # the next day
    publish(project, platform)


def test_the_day_that_posts_count_on_is_the_channels_own(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"max_posts_per_day": 1, "timezone": "Asia/Tokyo"}})
    for number, day in enumerate([datetime(2026, 11, day, tzinfo=UTC).date() for day in (19, 20)]):
        approve(project, day=day, video=f"video {number}".encode())
    platform = FakePlatform()
    assert isinstance(project.clock, FakeClock)
    for hours, content_id, posted_on in ((5.5, "crafts-2026-11-19", "2026-11-20"), (1, ID, "2026-11-21")):
        project.clock.move(hours=hours)  # half past eleven at night in Tokyo, then half past midnight: one day in UTC
        publish(project, platform, content_id)
        assert post_row(project, content_id=content_id)["posted_on"].isoformat() == posted_on


@pytest.mark.parametrize("step", ["post", "lost_answer"])
def test_a_post_in_flight_or_maybe_out_counts_for_the_day(make_project: MakeProject, step: Any) -> None:
    project = make_project(channels={"crafts": {"max_posts_per_day": 1}})
    for number, day in enumerate([datetime(2026, 11, day, tzinfo=UTC).date() for day in (19, 20)]):
        approve(project, day=day, video=f"video {number}".encode())
    outcomes: list[str] = []

    class Meanwhile(FakePlatform):
        def post(self, permit: Any, request: Any, **more: Any) -> Any:
            with pytest.raises(GateClosedError) as refusal:
                publish(project, FakePlatform(world=self.world), ID)
            outcomes.append(refusal.value.message)
            return super().post(permit, request, **more)

    platform = Meanwhile(steps=[step])
    with contextlib.suppress(UnknownOutcomeError):
        publish(project, platform, "crafts-2026-11-19")
    with pytest.raises(GateClosedError, match="1 of 1 posts of today are used"):
        publish(project, platform, ID)
    assert "1 of 1 posts of today are used" in outcomes[0]
    assert len(platform.world.live) == 1


def test_the_same_video_is_not_posted_twice_to_one_account(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {}, "glass": {}})
    approve(project)
    approve(project, name="glass")
    world = World()
    publish(project, FakePlatform(world=world))
    with pytest.raises(GateClosedError, match=r"already posted to this account: crafts-2026-11-20 https://instagram"):
        publish(project, FakePlatform(world=world), "glass-2026-11-20")
    elsewhere = FakePlatform(world=world, account="another-account")
    read_accounts(project, channel_of(project, "glass"), lambda _name: elsewhere)
    decide(project, "glass-2026-11-20", "recalled", by="ana", via="cli")
    decide(project, "glass-2026-11-20", "approved", by="ana", via="cli")
    publish(project, elsewhere, "glass-2026-11-20")


def test_a_post_that_may_be_out_counts_as_posted_and_not_failed(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {}, "glass": {}})
    approve(project)
    approve(project, name="glass")
    world = World()
    with pytest.raises(Killed):
        publish(project, FakePlatform(world=world, steps=["killed_after_publish"]))
    set_config(project, "switch", "off")
    with pytest.raises(GateClosedError, match="kill switch"):
        publish(project, FakePlatform(world=world))
    assert post_row(project)["state"] == "sending"
    set_config(project, "switch", "on")
    with pytest.raises(GateClosedError, match="already posted to this account: crafts-2026-11-20"):
        publish(project, FakePlatform(world=world), "glass-2026-11-20")


def test_a_refused_token_closes_only_its_own_platforms_gate(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}})
    approve(project)

    class Refused(FakePlatform):
        def quota(self) -> Quota | None:
            raise PermanentError(attempted="read the quota", answer="HTTP 401, the token has expired")

    project.providers.update(instagram=Refused(), youtube=FakePlatform("youtube"))
    refused, fine = plan_posts(project, channel_of(project), ID)
    (closed,) = [gate for gate in refused.gates if not gate.is_open]
    assert (closed.name, "the token has expired" in closed.message, fine.may_go_out) == ("token", True, True)
    with pytest.raises(GateClosedError, match="the token has expired"):
        publish(project, Refused())


def test_an_unreachable_or_keyless_platform_is_shown_as_closed(make_project: MakeProject) -> None:
    project = make_project(
        world="live",
        config={"publish.instagram": "live"},
        channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}},
    )
    approve(project)

    class Down(FakePlatform):
        def quota(self) -> Quota | None:
            raise TransientError(attempted="read the quota", answer="HTTP 503")

    project.providers["instagram"] = Down()
    closed = {
        planned.platform: [gate.message for gate in planned.gates if gate.name == "token"]
        for planned in plan_posts(project, channel_of(project), ID)
    }
    assert "could not be asked now" in closed["instagram"][0]
    assert "YOUTUBE_CLIENT_ID" in closed["youtube"][0]


def test_the_plan_shows_gates_and_requests_and_sends_nothing(project: Project) -> None:
    platform = FakePlatform()
    planned = plan(project, platform)
    assert planned.may_go_out
    assert {gate.name for gate in planned.gates} == set(get_args(GateName))
    (call,) = planned.calls
    assert "Clay, patience" in call.body["caption"]
    assert (platform.posted, ledger_rows(project)) == ([], [])


def test_a_video_that_differs_from_the_catalogs_is_not_posted(project: Project) -> None:
    """A process that died between the two, or a folder of another machine: approved is what the catalog says."""
    with project.catalog.write() as connection:
        connection.execute(update(content).values(video_sha256="a" * 64))
        connection.execute(update(decisions).values(video_sha256="a" * 64))
    platform = FakePlatform()
    with pytest.raises(GateClosedError, match="changed while it was being prepared"):
        publish(project, platform)
    assert platform.posted == []


def test_a_platform_that_the_channel_does_not_have_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match=r"does not publish to 'tiktok'.*instagram"):
        publish(project, FakePlatform("tiktok"))


# -- trouble -------------------------------------------------------------------------------------------------------


def test_a_definite_failure_is_retried_and_then_shown_as_failed(project: Project) -> None:
    platform = FakePlatform(steps=["transient"] * 3)
    with pytest.raises(TransientError):
        publish(project, platform)
    row = post_row(project)
    assert (row["state"], "HTTP 503" in row["error_message"]) == ("failed", True)
    assert (len(platform.posted), platform.world.live) == (3, [])
    assert publish(project, platform).state == "posted"
    assert post_row(project)["error_message"] is None


def test_a_refused_post_is_failed_with_the_platforms_words(project: Project) -> None:
    platform = FakePlatform(steps=["refused"])
    for _ in range(2):
        with pytest.raises(PermanentError, match="the caption is not allowed"):
            publish(project, platform)
    assert (post_row(project)["state"], len(platform.posted)) == ("failed", 1)


@pytest.mark.parametrize("step", ["lost_answer", "lost_request"])
def test_an_unknown_post_is_never_resent_before_reconciling(project: Project, step: Any) -> None:
    platform = FakePlatform(steps=[step])
    for _ in range(3):
        with pytest.raises(UnknownOutcomeError):
            publish(project, platform)
    assert (post_row(project)["state"], len(platform.posted)) == ("unknown", 1)
    project.providers["instagram"] = platform
    (outcomes,) = reconcile(project)
    assert outcomes.outcome == ("confirmed" if step == "lost_answer" else "released")
    assert publish(project, platform).state == "posted"
    assert len(platform.world.live) == 1


@pytest.mark.parametrize("step", ["killed_before", "killed_with_container", "killed_after_publish"])
def test_a_killed_process_is_gone_on_from_and_posts_once(project: Project, step: Any) -> None:
    platform = FakePlatform(steps=[step])
    with pytest.raises(Killed):
        publish(project, platform)
    assert post_row(project)["state"] == "sending"
    assert publish(project, platform).state == "posted"
    assert len(platform.world.live) == 1
    assert len(platform.world.containers) == 1


def test_a_crash_between_a_post_and_its_row_is_reconciled(project: Project) -> None:
    """The ledger knows that it is out, the post's row does not: a look settles it, and so does publishing again."""
    platform = FakePlatform()
    project.providers["instagram"] = platform
    with pytest.MonkeyPatch.context() as dying:
        dying.setattr("dayreel.services.publishing.publish_post.settle_post", _die)
        with pytest.raises(Killed):
            publish(project, platform)
    assert (post_row(project)["state"], ledger_rows(project, kind="post")[0]["state"]) == ("sending", "confirmed")
    (outcomes,) = reconcile(project)
    assert outcomes.outcome == "confirmed"
    assert post_row(project)["state"] == "posted"
    assert content_row(project, ID).state == "posted"
    assert publish(project, platform).fresh is False
    assert len(platform.posted) == 1


def _die(*_arguments: object, **_more: object) -> None:
    raise Killed


def test_a_caption_one_platform_refuses_is_edited_for_it_alone(
    make_project: MakeProject,
) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}})
    approve(project)
    instagram, youtube = FakePlatform(), FakePlatform("youtube", steps=["refused"])
    publish(project, instagram)
    with pytest.raises(PermanentError):
        publish(project, youtube)
    say(project, "edited")
    assert content_row(project, ID).state == "review_pending"
    say(project, "approved")
    assert publish(project, instagram).fresh is False
    publish(project, youtube)
    assert [len(platform.world.live) for platform in (instagram, youtube)] == [1, 1]
    assert youtube.world.live[0].caption.startswith("Ben's words")
    assert content_row(project, ID).state == "posted"


def test_a_rejection_during_a_post_stops_the_other_platforms(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {}}}})
    approve(project)

    class Meanwhile(FakePlatform):
        def post(self, permit: Any, request: Any, **more: Any) -> Any:
            say(project, "rejected")
            return super().post(permit, request, **more)

    assert publish(project, Meanwhile()).state == "posted"
    with pytest.raises(GateClosedError, match="the newest decision is rejected, by ben"):
        publish(project, FakePlatform("youtube"))
    assert (content_row(project, ID).state, post_row(project)["state"]) == ("rejected", "posted")


def test_a_post_confirmed_during_a_new_review_ends_as_posted(project: Project) -> None:
    platform = FakePlatform(steps=["lost_answer"])
    with pytest.raises(UnknownOutcomeError):
        publish(project, platform)
    say(project, "edited")
    project.providers["instagram"] = platform
    (outcomes,) = reconcile(project)
    assert (outcomes.outcome, content_row(project, ID).state) == ("confirmed", "review_pending")
    say(project, "approved")
    assert publish(project, platform).fresh is False
    assert (content_row(project, ID).state, len(platform.world.live)) == ("posted", 1)


def test_a_post_confirmed_later_keeps_the_time_it_was_sent(project: Project) -> None:
    platform = FakePlatform(steps=["lost_answer"])
    with pytest.raises(UnknownOutcomeError):
        publish(project, platform)
    sent_at = project.clock.now()
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=20)
    project.providers["instagram"] = platform
    reconcile(project)
    assert (post_row(project)["posted_at"], post_row(project)["posted_on"].isoformat()) == (sent_at, "2026-11-20")


def test_a_post_in_progress_in_another_process_is_left_to_it(project: Project) -> None:
    platform = FakePlatform(steps=["killed_with_container"])
    with pytest.raises(Killed):
        publish(project, platform)
    with project.catalog.write() as connection:
        beat_elsewhere(connection)
        connection.execute(update(effects).values(owner=ELSEWHERE))
    with pytest.raises(BusyError, match="another-host"):
        publish(project, platform)
    assert (len(platform.posted), post_row(project)["state"]) == (1, "sending")


def test_another_request_is_not_sent_while_the_first_may_be_out(project: Project) -> None:
    """The channel's fields change and are approved again while the first post's outcome is unknown."""
    world = World()
    with pytest.raises(UnknownOutcomeError):
        publish(project, FakePlatform(world=world, steps=["lost_answer"]))
    write_channel(project.settings.root, "crafts", platforms={"instagram": {"hashtags": ["#other"]}})
    say(project, "edited")
    decide(project, ID, "approved", by="ana", via="cli")
    with pytest.raises(GateClosedError, match=r"another post on instagram that is unknown \(effect 1\)"):
        publish(project, FakePlatform(world=world))
    assert len(world.live) == 1


def test_two_processes_that_publish_at_once_post_once(project: Project, make_project: MakeProject) -> None:
    world, together, outcomes = World(), threading.Barrier(4), []

    def one_process(number: int) -> None:
        mine = make_project(channels={})
        vars(mine)["ledger"] = EffectLedger(
            mine.catalog,
            mine.clock,
            world="sandbox",
            timezone="UTC",
            leases=Leases(mine.catalog, owner=f"h{number}:1:1"),
        )
        together.wait(120)
        try:
            outcomes.append(publish(mine, FakePlatform(world=world)).state)
        except BusyError:
            outcomes.append("busy")

    threads = [threading.Thread(target=one_process, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert "posted" in outcomes
    assert len(world.live) == 1
    assert post_row(project)["state"] == "posted"


def test_a_post_that_somebody_else_made_meanwhile_is_returned(project: Project) -> None:
    world = World()

    class AskedMeanwhile(FakePlatform):
        """While it is asked what it takes now, another process posts the content and is done."""

        def account(self) -> str:
            publish(project, FakePlatform(world=world))
            return super().account()

    platform = AskedMeanwhile(world=world)
    posted = publish(project, platform)
    assert (posted.state, posted.fresh, len(world.live), platform.posted) == ("posted", False, 1, [])
    assert content_row(project, ID).state == "posted"


def test_a_live_posts_plan_shows_its_url_and_would_send_nothing(project: Project) -> None:
    platform = FakePlatform()
    posted = publish(project, platform)
    planned = plan(project, platform)
    assert (planned.posted, planned.may_go_out, planned.calls) == (posted.url, False, [])


def test_an_unknown_posts_plan_says_that_reconcile_looks_first(project: Project) -> None:
    platform = FakePlatform(steps=["lost_answer"])
    with pytest.raises(UnknownOutcomeError):
        publish(project, platform)
    planned = plan(project, platform)
    assert (planned.posted, planned.may_go_out) == (None, False)
    assert "`dayreel reconcile` looks first" in str(planned.problem)


def test_the_plan_notices_that_the_file_is_not_the_approved_one(project: Project) -> None:
    (project.contents.folder(ID) / "final_video.mp4").write_bytes(b"something else")
    planned = plan(project, FakePlatform())
    assert not planned.may_go_out
    assert "were approved" in str(planned.problem)
    assert f"`dayreel review reject {ID}`" in str(planned.problem)
