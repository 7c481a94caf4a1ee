"""Opening a day: only days that are made, one take at a time, one world each."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from dayreel.errors import UsageError
from dayreel.services.making.open_content import open_content, open_new_take
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.review_status import need_decision
from dayreel.services.studio import Studio
from tests.fakes.studio import DAY, channel_of, content_row, ledger_rows, reviewable

ID = "crafts-2026-11-20"
MakeStudio = Callable[..., Studio]


def test_a_day_is_opened_once(make_studio: MakeStudio) -> None:
    studio = make_studio()
    first = open_content(studio, channel_of(studio), DAY)
    assert (first.id, first.state, first.take) == (ID, "pending", 1)
    assert open_content(studio, channel_of(studio), DAY) == first
    manifest = studio.contents.manifest(ID)
    assert (manifest.world, manifest.simulated, manifest.day) == ("sandbox", True, DAY)


@pytest.mark.parametrize(("days", "words"), [(1, "in the future"), (-30, "before active_from")])
def test_a_day_that_is_not_made_leaves_nothing_behind(make_studio: MakeStudio, days: int, words: str) -> None:
    studio = make_studio()
    with pytest.raises(UsageError, match=words):
        open_content(studio, channel_of(studio), DAY + timedelta(days=days))
    assert not studio.contents.root.exists()
    assert ledger_rows(studio) == []


def test_a_process_that_died_before_the_manifest_is_recovered(make_studio: MakeStudio) -> None:
    studio = make_studio()
    open_content(studio, channel_of(studio), DAY)
    (studio.contents.folder(ID) / "metadata.json").unlink()
    open_content(studio, channel_of(studio), DAY)
    assert studio.contents.manifest(ID).content_id == ID


def test_what_one_world_began_the_other_does_not_go_on_with(make_studio: MakeStudio) -> None:
    open_content(make_studio(), channel_of(make_studio()), DAY)
    live = make_studio(world="live")
    with pytest.raises(UsageError, match=r"begun in the sandbox world, and this is the live one.*--new-take"):
        open_content(live, channel_of(live), DAY)
    assert live.contents.manifest(ID).simulated is True
    take = open_new_take(live, content_row(live, ID))
    assert (take.id, take.world) == (f"{ID}-t2", "live")
    assert open_content(live, channel_of(live), DAY).id == take.id


def test_a_manifest_recovered_after_a_crash_has_its_rows_world(make_studio: MakeStudio) -> None:
    sandbox = make_studio()
    open_content(sandbox, channel_of(sandbox), DAY)
    (sandbox.contents.folder(ID) / "metadata.json").unlink()
    live = make_studio(world="live")
    with pytest.raises(UsageError):
        open_content(live, channel_of(live), DAY)
    manifest = live.contents.manifest(ID)
    assert (manifest.world, manifest.simulated) == ("sandbox", True)


def test_another_take_needs_the_present_one_to_be_done_with(make_studio: MakeStudio) -> None:
    studio = make_studio()
    row = reviewable(studio)
    with pytest.raises(UsageError, match=r"is review_pending, so it needs no new take.*review reject"):
        open_new_take(studio, row)
    decide(studio, ID, "rejected", by="ana", via="cli")
    assert open_new_take(studio, content_row(studio, ID)).id == f"{ID}-t2"
    with pytest.raises(UsageError, match="is not the newest take"):
        open_new_take(studio, content_row(studio, ID))


def test_a_decision_is_needed_before_it_is_recorded(make_studio: MakeStudio) -> None:
    studio = make_studio()
    with pytest.raises(UsageError, match=r"Nothing was made of 'crafts' for 2026-11-20.*dayreel run --date 2026-11-20"):
        need_decision(studio, channel_of(studio), DAY)
    reviewable(studio)
    with pytest.raises(UsageError, match=r"Nobody has decided about crafts-2026-11-20 yet"):
        need_decision(studio, channel_of(studio), DAY)
    decide(studio, ID, "rejected", by="ana", via="cli")
    assert need_decision(studio, channel_of(studio), DAY).verdict == "rejected"
