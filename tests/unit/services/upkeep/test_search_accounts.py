"""What neither catalog nor copies know is looked for on the account itself, before a person has to look."""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dayreel.errors import PermanentError
from dayreel.providers.listings import ListedItem, Listing
from dayreel.queries.holds import holds
from dayreel.services.notifier_routes import everything_to
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.chores import do_chore, due_chores
from dayreel.services.upkeep.recover import recover
from dayreel.services.upkeep.search_accounts import Searched, search_accounts
from tests.fakes.clock import NINE, FakeClock
from tests.fakes.notifier import FakeNotifier
from tests.fakes.platform import FakePlatform, Live
from tests.fakes.project import channel_of, content_row, ledger_rows, reviewable
from tests.fakes.video_generator import FakeVideoGenerator

MakeProject = Callable[..., Project]
CHANNELS: dict[str, Any] = {"crafts": {}, "glass": {}}
GLASS = "glass-2026-11-20"


class TickingClock(FakeClock):
    """Shows no moment twice, as every real clock."""

    def now(self) -> datetime:
        self.move(microseconds=1)
        return super().now()


class Account(FakePlatform):
    """A platform that lists what it has; `asked` holds since when it was asked."""

    lists_everything = True
    is_whole = True
    broken: Exception | None = None

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.asked: list[datetime | None] = []

    def list_since(self, since: datetime | None) -> Listing:
        self.asked.append(since)
        if self.broken is not None:
            raise self.broken
        items = [
            ListedItem(live.post_id, (live.caption,), None, url=f"https://x/{live.post_id}") for live in self.world.live
        ]
        return Listing(tuple(reversed(items)), self.is_whole)


@pytest.fixture
def account() -> Account:
    return Account()


def publish(project: Project, account: Account, name: str) -> None:
    content_id = reviewable(project, name=name, video=name.encode()).id
    decide(project, content_id, "approved", by="ana", via="desk")
    publish_post(project, channel_of(project, name), content_id, "instagram", provider=account)


@pytest.fixture
def forgetful(make_project: MakeProject, account: Account, tmp_path: Path, tiny_clip: Path) -> Project:
    """A project with one post that is known, and one of which catalog and copies are from before it went out."""
    providers = {"instagram": account, "fal": FakeVideoGenerator(tiny_clip)}
    project = make_project(channels=CHANNELS, providers=providers, clock=TickingClock())
    publish(project, account, "crafts")
    content_id = reviewable(project, name="glass", video=b"glass").id
    decide(project, content_id, "approved", by="ana", via="desk")
    project.clock.move(minutes=5)  # type: ignore[attr-defined]
    catalog = Path(project.settings.catalog.removeprefix("sqlite:///"))
    copy = project.contents.folder(content_id) / "catalog.json"
    project.catalog.close()
    shutil.copy(catalog, tmp_path / "older.db")
    shutil.copy(copy, tmp_path / "older.json")
    publish_post(project, channel_of(project, "glass"), content_id, "instagram", provider=account)
    project.catalog.close()
    for file in catalog.parent.glob("catalog.db*"):
        file.unlink()
    shutil.copy(tmp_path / "older.db", catalog)
    shutil.copy(tmp_path / "older.json", copy)
    after = make_project(channels=CHANNELS, providers=providers, clock=project.clock)
    recovered = recover(after)
    assert recovered is not None
    assert recovered.missing == 1
    assert [hold.target for hold in holds(after).vendors] == ["fal", "instagram"]
    return after


def later(project: Project) -> list[Searched]:
    project.clock.move(minutes=61)  # type: ignore[attr-defined]
    return [searched for searched in search_accounts(project) if searched.target == "instagram"]


def test_a_forgotten_post_is_written_down_and_the_hold_ends(forgetful: Project, account: Account) -> None:
    assert [searched.is_released for searched in search_accounts(forgetful)] == [False, False]
    assert account.asked == [], "its list was believed at once"
    (searched,) = later(forgetful)
    assert searched.is_released, searched
    [since] = account.asked
    assert since is not None
    assert since < NINE + timedelta(minutes=5), "what is missing went out before the hold began"
    assert [hold.target for hold in holds(forgetful).vendors] == ["fal"]
    assert content_row(forgetful, GLASS).state == "posted"
    (effect,) = ledger_rows(forgetful, content_id=GLASS, kind="post")
    assert (effect["state"], effect["attempts"], effect["result"]["post_id"]) == ("confirmed", 1, "p-c2")
    again = publish_post(forgetful, channel_of(forgetful, "glass"), GLASS, "instagram", provider=account)
    assert (again.fresh, len(account.world.live)) == (False, 2)


def test_a_strange_post_is_named_and_left_to_a_person(forgetful: Project, account: Account) -> None:
    account.world.live.append(Live("by-hand", "none", "0", "Words of nobody here", {}))
    (searched,) = later(forgetful)
    assert (searched.is_released, "nobody here knows by-hand" in searched.evidence) == (False, True)
    assert content_row(forgetful, GLASS).state == "posted", "what is certain is written down all the same"
    assert "instagram" in [hold.target for hold in holds(forgetful).vendors]


def test_two_posts_with_the_same_words_are_a_persons(forgetful: Project, account: Account) -> None:
    account.world.live.append(Live("twin", "none", "0", account.world.live[-1].caption, {}))
    (searched,) = later(forgetful)
    assert (searched.is_released, "p-c2" in searched.evidence, "twin" in searched.evidence) == (False, True, True)
    assert content_row(forgetful, GLASS).state == "approved"


@pytest.mark.parametrize(
    ("changes", "evidence"),
    [
        ({"is_whole": False}, "the list goes on"),
        ({"lists_everything": False}, "no list that shows everything"),
        ({"broken": PermanentError(attempted="list", answer="HTTP 403")}, "could not be read"),
    ],
    ids=["cut", "not everything", "refused"],
)
def test_a_list_that_proves_nothing_ends_no_hold(
    forgetful: Project, account: Account, changes: dict[str, Any], evidence: str
) -> None:
    for name, value in changes.items():
        setattr(account, name, value)
    (searched,) = later(forgetful)
    assert (searched.is_released, evidence in searched.evidence) == (False, True)
    assert content_row(forgetful, GLASS).state == "approved"


def test_the_chore_searches_while_something_is_held(forgetful: Project) -> None:
    forgetful.clock.move(minutes=61)  # type: ignore[attr-defined]
    (chore,) = [chore for chore in due_chores(forgetful, targets=everything_to("log")) if chore.name == "reconcile"]
    assert "instagram is held" in chore.about
    sentences = do_chore(forgetful, "reconcile", notifiers=everything_to(FakeNotifier()))
    assert any(sentence.startswith("instagram was searched and is released") for sentence in sentences)
