"""An approval is for one account of each platform: keys of another one void it, and the refusal names both."""

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import update

from dayreel.errors import GateClosedError, PermanentError
from dayreel.queries.rows import posts_of
from dayreel.schemas.posts import PlatformAccount
from dayreel.services.project import Project
from dayreel.services.publishing.gate_facts import read_accounts
from dayreel.services.publishing.plan_posts import plan_posts
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing.decide import decide
from dayreel.services.upkeep.due_work import due_posts
from dayreel.stores.catalog.tables import decisions
from tests.fakes.platform import FakePlatform
from tests.fakes.project import channel_of, reviewable, write_channel

ID = "crafts-2026-11-20"
MakeProject = Callable[..., Project]


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    project = make_project()
    reviewable(project)
    return project


def read(project: Project, platform: FakePlatform) -> list[str]:
    return read_accounts(project, channel_of(project), lambda _name: platform)


def approve(project: Project, *, by: str = "ana") -> str:
    return decide(project, ID, "approved", by=by, via="desk").verdict


def publish(project: Project, platform: FakePlatform) -> str:
    return publish_post(project, channel_of(project), ID, "instagram", provider=platform).state


def test_keys_exchanged_after_the_approval_void_it(project: Project) -> None:
    ours, theirs = FakePlatform(), FakePlatform(account="account-2")
    assert read(project, ours) == ["instagram: @account-1 (account-1)"]
    approve(project)
    with pytest.raises(GateClosedError) as refused:
        publish(project, theirs)
    names = "approved @account-1 (account-1), and the keys are now those of @account-2 (account-2)"
    assert names in str(refused.value)
    assert theirs.posted == []
    project.providers["instagram"] = theirs
    (plan,) = plan_posts(project, channel_of(project), ID)
    assert names in next(gate.message for gate in plan.gates if gate.name == "approval")
    decide(project, ID, "recalled", by="ana", via="desk")
    approve(project)
    assert publish(project, theirs) == "posted", "the new approval is for the account that has answered since"
    with project.catalog.read() as connection:
        assert posts_of(connection, [ID])[0].account == "account-2"


def test_without_a_look_before_it_an_approval_takes_the_first(project: Project) -> None:
    """Nobody could see an account before the approval: the first that answers is the one, and no other."""
    approve(project)
    first, second = FakePlatform(steps=["refused"]), FakePlatform(account="account-2")
    with pytest.raises(PermanentError):
        publish(project, first)
    with pytest.raises(GateClosedError, match="approved @account-1"):
        publish(project, second)


def test_an_account_that_cannot_be_read_is_a_sentence(project: Project) -> None:
    class Refusing(FakePlatform):
        def read_account(self) -> PlatformAccount:
            raise PermanentError(attempted="read the account", answer="HTTP 401")

    (answer,) = read(project, Refusing())
    assert answer.startswith("instagram: its account could not be read: ")
    approve(project)
    with pytest.raises(GateClosedError, match="the account cannot be used"):
        publish(project, Refusing())


def test_two_approvals_are_for_the_same_account(project: Project) -> None:
    write_channel(project.settings.root, "crafts", review={"approvals": 2, "who": ["ana", "ben"]})
    read(project, FakePlatform())
    assert approve(project) == "endorsed"
    other = FakePlatform(account="account-2")
    read(project, other)
    assert approve(project, by="ben") == "approved"
    with pytest.raises(GateClosedError, match="1 of 2 people have approved exactly this: ben"):
        publish(project, other)


def test_an_older_approval_is_for_the_account_of_the_last_post(project: Project) -> None:
    """The migration knows no account but that of the last post: the approval holds for it, and for no other."""
    read(project, FakePlatform())
    approve(project)
    with project.catalog.write() as connection:
        connection.execute(update(decisions).values(accounts=None))
    with pytest.raises(GateClosedError, match="approved @account-1"):
        publish(project, FakePlatform(account="account-2"))
    assert publish(project, FakePlatform()) == "posted"


def test_a_content_survives_its_channel_files_new_name(project: Project) -> None:
    """Its review goes on, it is posted, and the day's posts are counted as before."""
    root = project.settings.root
    write_channel(root, "crafts", id="crafts", max_posts_per_day=1)
    (root / "channels" / "crafts.yaml").rename(root / "channels" / "pottery.yaml")
    assert project.channels.names() == ["crafts"]
    approve(project)
    assert publish(project, FakePlatform()) == "posted"
    again = reviewable(project, video=b"another day", day=date(2026, 11, 19))
    assert again.id == "crafts-2026-11-19"
    decide(project, again.id, "approved", by="ana", via="desk")
    with pytest.raises(GateClosedError, match="1 of 1 posts of today are used"):
        publish_post(project, channel_of(project), again.id, "instagram", provider=FakePlatform())


@pytest.mark.parametrize(("account", "is_held"), [("account-1", True), ("account-2", False)])
def test_posts_of_a_vanished_channel_count_by_account(project: Project, account: str, is_held: bool) -> None:
    """A file renamed without an id: another channel to dayreel, the same one to those who follow the account."""
    root, platform = project.settings.root, FakePlatform(account=account)
    approve(project)
    assert publish(project, FakePlatform()) == "posted"
    read(project, platform)
    project.providers["instagram"] = platform
    write_channel(root, "pottery", max_posts_per_day=1)
    other = reviewable(project, name="pottery", video=b"of pottery")
    decide(project, other.id, "approved", by="ana", via="desk")

    def per_day() -> tuple[bool, int]:
        (plan,) = plan_posts(project, channel_of(project, "pottery"), other.id)
        (gate,) = [gate for gate in plan.gates if gate.name == "per_day"]
        return gate.is_open, len(due_posts(project, days={other.day.isoformat()}))

    assert per_day() == (True, 1), "the other channel is still there"
    (root / "channels" / "crafts.yaml").unlink()
    assert per_day() == ((False, 0) if is_held else (True, 1))
