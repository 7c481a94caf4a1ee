"""What a person said: durable, about what they saw, and one of two at once learns of the other."""

import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from dayreel.errors import ConfigurationError, GateClosedError, StaleState, UsageError
from dayreel.queries.review import (
    DecisionVerdict,
    ReviewSnapshot,
    approval_scope,
    bound_fields,
    parse_snapshot,
    review_of,
    snapshot_for_review,
    snapshot_text,
)
from dayreel.queries.rows import DecisionRow, get_content, newest_verdict
from dayreel.schemas.channel import Channel
from dayreel.services.making.open_content import open_content, open_new_take
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import content, decisions
from tests.fakes.catalogs import PostgresServer, fresh_catalog
from tests.fakes.clock import FakeClock
from tests.fakes.prepared import lay_out, reviewable_project
from tests.fakes.project import CRAFTS, channel_of, content_row, make_project, reviewable, transitions, write_channel
from tests.waiting import wait_until

ID = "crafts-2026-11-20"
JPEG = b"\xff\xd8\xff\xe0 a jar"
TWO = {"approvals": 2, "who": ["ana", "ben"]}
MakeProject = Callable[..., Project]


def say(project: Project, verdict: DecisionVerdict, *, by: str = "ana", **more: Any) -> DecisionRow:
    return decide(project, ID, verdict, by=by, **{"via": "cli", **more})


def seen(project: Project) -> ReviewSnapshot:
    return snapshot_for_review(content_row(project, ID), channel_of(project))


def all_decisions(project: Project) -> list[tuple[str, str]]:
    with project.catalog.read() as connection:
        query = select(decisions.c.verdict, decisions.c.decided_by).order_by(decisions.c.id)
        return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def project(make_project: MakeProject, clock: FakeClock, tmp_path: Path) -> Project:
    lay_out(reviewable_project(), tmp_path)
    return make_project(channels={}, clock=clock)


def test_an_approval_binds_video_caption_and_platform_fields(project: Project) -> None:
    row = content_row(project, ID)
    decision = say(project, "approved", note="lovely")
    assert (decision.video_sha256, decision.caption, decision.revision) == (row.video_sha256, "Clay, patience", 1)
    fields = {"instagram": {"ai_disclosure": True, "share_to_feed": True, "hashtags": ["#handmade"]}}
    assert decision.fields == fields == bound_fields(channel_of(project))
    assert decision.words == approval_scope(row, channel_of(project), project.contents.manifest(ID).idea).words
    assert decision.words is not None
    assert str(decision.words["instagram"]["text"]) == "Clay, patience\n\n#craft #handmade"
    assert (decision.decided_by, decision.via, decision.note, decision.decided_at) == (
        "ana",
        "cli",
        "lovely",
        project.clock.now(),
    )
    assert content_row(project, ID).state == "approved"
    assert transitions(project, ID)[-1] == ("review_pending", "approve", "approved")


def test_a_decision_is_durable_before_it_returns(project: Project) -> None:
    say(project, "rejected")
    with Catalog(project.settings.catalog) as another, another.read() as connection:
        newest = newest_verdict(connection, ID)
    assert newest is not None
    assert newest.verdict == "rejected"


def test_a_decision_on_an_older_revision_is_refused_unrecorded(project: Project) -> None:
    reviewable(project, video=b"another video")
    with pytest.raises(StaleState, match=r"You saw revision 1 of crafts-2026-11-20, and it is revision 2 now"):
        say(project, "approved", revision=1)
    assert (all_decisions(project), content_row(project, ID).state) == ([], "review_pending")
    assert say(project, "approved", revision=2).revision == 2


def test_a_late_decision_is_refused_with_who_was_first_and_when(project: Project) -> None:
    say(project, "approved", by="ben")
    with pytest.raises(StaleState, match=r"approved already: 'ben' approved it at 2026-11-20 09:00:00 UTC \(via cli"):
        say(project, "approved")
    assert all_decisions(project) == [("approved", "ben")]


@pytest.mark.parametrize("first", ["approved", "rejected", "edited"])
@pytest.mark.parametrize("second", ["approved", "rejected", "edited"])
def test_whoever_missed_the_newest_decision_is_shown_it(
    project: Project, first: DecisionVerdict, second: DecisionVerdict
) -> None:
    """A tab that was open before the other one spoke: also an edit, which leaves the video as it is."""
    old = seen(project)
    say(project, first, by="ben", seen=old, caption="Ben's words" if first == "edited" else None)
    with pytest.raises(StaleState, match=rf"'ben'.*{first[:4]}.* at 2026-11-20 09:00:00 UTC"):
        say(project, second, seen=old, caption="Ana's words")
    assert all_decisions(project) == [(first, "ben")]
    if first == "edited":
        say(project, second, seen=seen(project), caption="Ana's words")


def test_whoever_saw_other_platform_fields_is_refused(project: Project) -> None:
    old = seen(project)
    write_channel(project.settings.root, "crafts", platforms={"instagram": {"ai_disclosure": False}})
    with pytest.raises(StaleState, match=r"the platform fields in channels/crafts\.yaml"):
        say(project, "approved", seen=old)
    assert all_decisions(project) == []


def test_fields_for_one_content_alone_are_bound(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {}, "youtube": {"tags": ["craft"]}}}})
    reviewable(project)
    first = say(project, "approved")
    before, old = first.fields, seen(project)
    edited = say(project, "edited", settings={"youtube": {"tags": "loom, warp and weft", "language": "en"}})
    row = content_row(project, ID)
    assert (edited.caption, row.caption, row.state) == (first.caption, first.caption, "review_pending")
    assert row.post_fields == {"youtube": {"tags": ["loom", "warp and weft"], "language": "en"}}
    with pytest.raises(StaleState, match="edited"):
        say(project, "approved", seen=old)
    approved = say(project, "approved")
    assert approved.fields["instagram"] == before["instagram"]
    assert approved.fields["youtube"] == {**before["youtube"], "tags": ["loom", "warp and weft"], "language": "en"}
    # The channel's own words again: nothing is kept for this content alone.
    say(project, "edited", settings={"youtube": {"tags": "craft", "language": ""}})
    assert content_row(project, ID).post_fields is None
    assert say(project, "approved").fields == before


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"tiktok": {"cover_at_s": "1"}}, "does not publish to 'tiktok'"),
        ({"instagram": {"covre": "1"}}, "has no field 'covre'"),
        ({"instagram": {"cover_at_s": "99"}}, "has no frame at 99 s"),
        ({"instagram": {"collaborators": "a, b, c, d"}}, "Instagram takes 3"),
        ({"instagram": {"hashtags": "#a\u202eb"}}, "which nobody sees"),
        ({"instagram": {"cover_file": "../.env.jpg"}}, "not a path below the folder"),
        ({"instagram": {"cover_file": "none.jpg"}}, "is not there"),
    ],
)
def test_a_field_that_does_not_fit_changes_nothing(project: Project, settings: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        say(project, "edited", settings=settings)
    assert (all_decisions(project), content_row(project, ID).post_fields) == ([], None)


def test_an_approval_is_for_the_bytes_of_a_cover(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {"cover_file": "jar.jpg"}}}})
    picture = project.settings.channels_dir / "jar.jpg"
    picture.write_bytes(JPEG)
    reviewable(project)
    approved = say(project, "approved").fields["instagram"]
    assert approved["cover_file"] == f"jar.jpg#sha256={hashlib.sha256(JPEG).hexdigest()}"
    picture.write_bytes(JPEG + b"!")
    assert bound_fields(channel_of(project))["instagram"] != approved


def test_a_new_frame_takes_the_pictures_place_at_every_face(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": {"instagram": {"cover_file": "jar.jpg"}}}})
    (project.settings.channels_dir / "jar.jpg").write_bytes(JPEG)
    reviewable(project)
    frame, picture = {"cover_at_s": 0.5, "cover_file": None}, {"cover_file": "jar.jpg", "cover_at_s": ""}
    # At the desk the form sends every field as it is shown; at a prompt the one that is typed.
    for typed in ({"cover_file": "jar.jpg", "cover_at_s": "0.5"}, {"cover_at_s": "0.5"}):
        say(project, "edited", settings={"instagram": typed})
        assert content_row(project, ID).post_fields == {"instagram": frame}
        say(project, "edited", settings={"instagram": picture})
        assert content_row(project, ID).post_fields is None


def test_changed_hashtags_are_refused_if_the_page_showed_them(project: Project) -> None:
    row, channel = content_row(project, ID), channel_of(project)
    idea = project.contents.manifest(ID).idea
    assert idea is not None
    of_a_page = snapshot_for_review(row, channel, approval_scope(row, channel, idea))
    assert parse_snapshot(snapshot_text(of_a_page)) == of_a_page
    project.contents.update(ID, idea=idea.model_copy(update={"hashtags": ("#rain",)}))
    with pytest.raises(StaleState, match="the title or the hashtags that a platform gets"):
        say(project, "approved", seen=of_a_page)
    assert all_decisions(project) == []
    of_a_card = parse_snapshot(snapshot_text(seen(project)))
    assert "#rain" in str(say(project, "approved", seen=of_a_card).words)


def test_two_approvals_count_together_only_for_the_same_words(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"review": TWO}})
    reviewable(project)
    idea = project.contents.manifest(ID).idea
    assert idea is not None
    assert say(project, "approved", via="desk").verdict == "endorsed"
    project.contents.update(ID, idea=idea.model_copy(update={"hashtags": ("#rain",)}))
    assert say(project, "approved", by="ben", via="desk").verdict == "endorsed", "ana approved other hashtags"
    assert say(project, "approved", via="desk").verdict == "approved"


@pytest.mark.parametrize("verdicts", [("approved", "approved"), ("approved", "rejected"), ("edited", "approved")])
def test_of_two_concurrent_decisions_one_wins_and_one_is_stale(
    project: Project, verdicts: tuple[DecisionVerdict, DecisionVerdict]
) -> None:
    check_that_one_of_two_wins(project.settings.root, project.catalog, verdicts)


@pytest.mark.postgres
@pytest.mark.slow
def test_of_two_concurrent_decisions_one_wins_on_postgresql(
    make_project: MakeProject, postgres_server: PostgresServer
) -> None:
    with fresh_catalog(postgres_server.new_schema()) as catalog:
        project = make_project(catalog=catalog)
        reviewable(project)
        check_that_one_of_two_wins(project.settings.root, catalog, ("rejected", "approved"))


@pytest.mark.postgres
@pytest.mark.slow
def test_postgresql_blocks_decisions_until_a_claim_commits(
    make_project: MakeProject, postgres_server: PostgresServer
) -> None:
    """The two hold different locks; what keeps them apart is the content's row."""
    with fresh_catalog(postgres_server.new_schema()) as catalog:
        project = make_project(catalog=catalog)
        reviewable(project)
        say(project, "approved")
        order: list[str] = []

        def change_my_mind() -> None:
            with Catalog(catalog.url) as mine:
                say(make_project(channels={}, catalog=mine), "rejected")
                order.append("rejected")

        person = threading.Thread(target=change_my_mind)
        with catalog.write("money") as connection:
            assert get_content(connection, ID, lock=True).state == "approved"
            person.start()
            wait_until(lambda: somebody_waits_for_a_row(catalog), within_s=120)
            order.append("claimed")
        person.join(120)
        assert order == ["claimed", "rejected"]


def somebody_waits_for_a_row(catalog: Catalog) -> bool:
    """Ask PostgreSQL; a row that is held is waited for by waiting for the end of the transaction that holds it."""
    with catalog.read() as connection:
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        return bool(connection.execute(text(query)).scalar_one())


def check_that_one_of_two_wins(root: Path, catalog: Catalog, verdicts: tuple[DecisionVerdict, DecisionVerdict]) -> None:
    together, outcomes = threading.Barrier(2), []
    shown = seen(make_project(root, channels={}, catalog=catalog))

    def person(name: str, verdict: DecisionVerdict) -> None:
        with Catalog(catalog.url) as mine:
            project = make_project(root, channels={}, catalog=mine)
            together.wait(120)
            try:
                say(project, verdict, by=name, seen=shown, caption="words")
                outcomes.append(("won", name))
            except StaleState as error:
                outcomes.append(("refused", str(error)))

    threads = [
        threading.Thread(target=person, args=(name, verdict))
        for name, verdict in zip(("ana", "ben"), verdicts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (_, winner), (kind, refusal) = sorted(outcomes, key=lambda outcome: outcome[0] == "refused")
    assert kind == "refused"
    assert repr(winner) in refusal
    assert "2026-11-20 09:00:00 UTC" in refusal
    assert [by for _, by in all_decisions(make_project(root, channels={}, catalog=catalog))] == [winner]


def test_an_edit_changes_the_caption_and_asks_again(project: Project) -> None:
    say(project, "approved")
    edited = say(project, "edited", caption="  Clay & rain ")
    row = content_row(project, ID)
    assert (row.caption, row.state, row.revision, edited.caption) == ("Clay & rain", "review_pending", 1, "Clay & rain")
    assert say(project, "approved").caption == "Clay & rain"


@pytest.mark.parametrize("caption", [None, "", "  \n "])
def test_an_edit_without_words_is_refused(project: Project, caption: str | None) -> None:
    with pytest.raises(UsageError, match="caption is empty"):
        say(project, "edited", caption=caption)
    assert all_decisions(project) == []


def test_a_caption_given_with_an_approval_changes_nothing(project: Project) -> None:
    assert say(project, "approved", caption="sneaked in").caption == "Clay, patience"


def test_only_those_whom_the_channel_names_may_decide(project: Project) -> None:
    write_channel(project.settings.root, "crafts", review={"who": ["ben", "eva"]})
    with pytest.raises(GateClosedError, match=r"'ana' may not decide on channel 'crafts'.*ben, eva"):
        say(project, "approved")
    assert all_decisions(project) == []
    say(project, "approved", by="eva")


def test_minds_may_change(project: Project) -> None:
    minds: tuple[DecisionVerdict, ...] = ("approved", "rejected", "approved")
    for verdict in minds:
        say(project, verdict)
        assert content_row(project, ID).state == verdict


def test_a_take_is_not_approved_beside_another_one(project: Project) -> None:
    say(project, "rejected")
    take = open_new_take(project, content_row(project, ID))
    with pytest.raises(GateClosedError, match=f"another take of that day, {take.id}, is pending.*review reject"):
        say(project, "approved")
    assert all_decisions(project) == [("rejected", "ana")]
    assert "approve" not in review_of(project, ID).possible
    with project.catalog.write() as connection:
        connection.execute(update(content).where(content.c.id == take.id).values(state="rejected"))
    say(project, "approved")
    assert not review_of(project, take.id).can_retake
    with pytest.raises(UsageError, match=f"{ID} is approved, so it needs no new take"):
        open_new_take(project, take)


def test_missing_or_unfinished_content_cannot_be_decided(make_project: MakeProject) -> None:
    project = make_project()
    with pytest.raises(UsageError, match="There is no content 'crafts-2026-11-20'"):
        say(project, "approved")
    channel: Channel = channel_of(project)
    open_content(project, channel, project.clock.now().date())
    with pytest.raises(UsageError, match="has no final video yet"):
        say(project, "approved")


@pytest.mark.parametrize("content_id", ["nonsense", "../crafts-2026-11-20", "glass-2026-11-20"])
def test_an_id_that_is_none_is_refused(project: Project, content_id: str) -> None:
    with pytest.raises(UsageError):
        decide(project, content_id, "approved", by="ana", via="cli")


# -- hold, recall, two people ------------------------------------------------------------------------------------


def test_a_hold_stops_the_clock_and_a_recall_restarts_it(project: Project, clock: FakeClock) -> None:
    before = content_row(project, ID).review_deadline_at
    say(project, "held", note="waiting for the client")
    assert (content_row(project, ID).state, content_row(project, ID).review_deadline_at) == ("review_pending", None)
    with pytest.raises(StaleState, match="'ana' held it"):
        say(project, "held", by="ben")
    clock.move(hours=5)
    say(project, "recalled")
    after = content_row(project, ID).review_deadline_at
    assert before is not None
    assert after is not None
    assert after - before == timedelta(hours=5)


@pytest.mark.parametrize("verdict", ["held", "recalled"])
def test_what_was_approved_can_be_stopped_before_it_goes_out(project: Project, verdict: DecisionVerdict) -> None:
    say(project, "approved")
    say(project, verdict, by="ben")
    assert content_row(project, ID).state == "review_pending"
    say(project, "approved")
    assert content_row(project, ID).state == "approved"


def test_there_is_nothing_to_recall_without_a_decision(project: Project) -> None:
    with pytest.raises(UsageError, match="nothing to recall"):
        say(project, "recalled")
    assert all_decisions(project) == []


def test_an_edit_after_an_approval_restarts_the_review_deadline(project: Project, clock: FakeClock) -> None:
    """With the old deadline, a caption mended a day later would have expired at once."""
    say(project, "approved")
    clock.move(hours=48)
    say(project, "edited", caption="Clay and rain")
    assert content_row(project, ID).review_deadline_at == project.clock.now() + timedelta(hours=24)


def test_the_second_of_two_required_approvals_approves(project: Project) -> None:
    write_channel(project.settings.root, "crafts", review=TWO)
    bens_page = seen(project)
    assert say(project, "approved", by="ana", via="desk").verdict == "endorsed"
    assert content_row(project, ID).state == "review_pending"
    for again in ("ana", "Ana"):
        with pytest.raises(StaleState, match="has approved crafts-2026-11-20 already"):
            say(project, "approved", by=again, via="desk")
    # Ben's page was opened before; it shows exactly what Ana approved.
    assert say(project, "approved", by="ben", via="desk", seen=bens_page).verdict == "approved"
    assert content_row(project, ID).state == "approved"
    assert all_decisions(project) == [("endorsed", "ana"), ("approved", "ben")]


@pytest.mark.parametrize("between", ["edited", "held", "recalled"])
def test_a_verdict_between_two_approvals_voids_the_first(project: Project, between: DecisionVerdict) -> None:
    write_channel(project.settings.root, "crafts", review=TWO)
    say(project, "approved", by="ana", via="desk")
    say(project, between, by="ben", caption="Other words")
    assert say(project, "approved", by="ben", via="desk").verdict == "endorsed"
    assert say(project, "approved", by="ana", via="desk").verdict == "approved"


def test_a_channel_with_fewer_names_than_approvals_is_refused(project: Project) -> None:
    write_channel(project.settings.root, "crafts", review={"approvals": 2, "who": ["ana", "\uff21\uff4e\uff41 "]})
    with pytest.raises(ConfigurationError, match="needs that many different names"):
        channel_of(project)


def test_the_channel_of_the_fake_is_what_the_tests_think() -> None:
    assert list(CRAFTS["platforms"]) == ["instagram"]
