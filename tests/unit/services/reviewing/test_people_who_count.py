"""Where a channel asks for two people, it is two: whatever names, logins and chat accounts one of them has."""

import unicodedata
from collections.abc import Callable

import pytest

from dayreel.errors import GateClosedError, StaleState, UsageError
from dayreel.providers.notifiers.contract import Interaction
from dayreel.queries.review import review_of, snapshot_for_review, snapshot_text
from dayreel.services.desk.users import Users
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import publish_post
from dayreel.services.reviewing import decide as deciding
from dayreel.services.reviewing.chat_review import check_interaction
from dayreel.services.reviewing.decide import Via, decide
from dayreel.services.reviewing.waive import waive_check
from tests.fakes.desk import QUICK
from tests.fakes.platform import FakePlatform
from tests.fakes.project import channel_of, check_result, content_row, reviewable, write_channel

ID = "crafts-2026-11-20"
ACCENTED = "Zoë Ångström"
MakeProject = Callable[..., Project]


def approve(project: Project, by: str, via: Via = "desk") -> str:
    return decide(project, ID, "approved", by=by, via=via).verdict


def chat_name(project: Project, user: str, name: str = "somebody") -> str:
    """Return under which name a press of this Slack account would decide."""
    seen = snapshot_text(snapshot_for_review(content_row(project, ID), channel_of(project)))
    return check_interaction(project, "slack", Interaction("approve", f"{ID} {seen}", user, name, place(project))).name


def place(project: Project) -> str:
    channel_id = project.variable("SLACK_CHANNEL_ID")
    assert channel_id
    return channel_id


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    project = make_project(channels={"crafts": {"review": {"approvals": 2}}})
    reviewable(project)
    return project


@pytest.fixture
def users(project: Project) -> Users:
    users = Users(project.catalog, project.clock, hasher=QUICK)
    for name, role in (("Ana", "reviewer"), ("Ben", "operator"), ("Vera", "viewer"), (ACCENTED, "reviewer")):
        users.add(name, role, by="test")
    return users


@pytest.mark.parametrize(
    "again",
    ["ana", " ANA ", "\uff21\uff4e\uff41", "A\u200bna", "ana\u00a0"],
    ids=["case", "spaces", "full width", "an invisible letter", "a hard space"],
)
def test_another_spelling_is_not_another_person(project: Project, users: Users, again: str) -> None:
    assert approve(project, "Ana") == "endorsed"
    with pytest.raises(StaleState, match="'Ana' has approved"):
        approve(project, again)
    assert approve(project, "Ben") == "approved"


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_another_normalisation_is_not_another_person(project: Project, users: Users, form: str) -> None:
    assert approve(project, ACCENTED) == "endorsed"
    with pytest.raises(StaleState, match="has approved"):
        approve(project, unicodedata.normalize(form, ACCENTED.upper()))  # type: ignore[arg-type]  # of four words


@pytest.mark.parametrize(
    "stranger", ["Eve", "\u0410na", "Ben (slack U2)"], ids=["unknown", "Cyrillic", "a chat's name"]
)
def test_who_is_not_known_does_not_count(project: Project, users: Users, stranger: str) -> None:
    with pytest.raises(GateClosedError, match="is not one that is known"):
        approve(project, stranger)


def test_one_person_at_the_desk_and_in_a_chat_counts_once(project: Project, users: Users) -> None:
    users.connect("Ana", "slack", "U1", by="test")
    assert approve(project, "Ana") == "endorsed"
    assert chat_name(project, "U1", "somebody else") == "Ana"
    with pytest.raises(StaleState, match="'Ana' has approved"):
        approve(project, chat_name(project, "U1"), "slack")


def test_a_chat_account_that_nobody_mapped_does_not_count(project: Project, users: Users) -> None:
    with pytest.raises(GateClosedError, match="is not one that is known"):
        approve(project, chat_name(project, "U9", "Ben"), "slack")


def test_an_account_is_one_persons(project: Project, users: Users) -> None:
    users.connect("Ana", "slack", "U1", by="test")
    users.connect("ana", "slack", "U1", by="test")
    with pytest.raises(UsageError, match="is 'Ana''s already"):
        users.connect("Ben", "slack", "U1", by="test")
    write_channel(project.settings.root, "crafts", review={"approvals": 2, "slack": {"U1": "Ben"}})
    with pytest.raises(GateClosedError, match="mapped to two people, 'Ben' in its file and 'Ana' at the desk"):
        chat_name(project, "U1")
    users.disconnect("Ana", "slack", "U1", by="test")
    assert chat_name(project, "U1") == "Ben"


def test_a_login_speaks_for_one_person(project: Project, users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "login_name", lambda: "root")
    for name in ("Ana", "Ben"):
        with pytest.raises(GateClosedError, match=f"'{name}' cannot approve from the login 'root'"):
            approve(project, name, "cli")
    users.connect("Ana", "login", "root", by="test")
    assert approve(project, "ana", "tui") == "endorsed"
    with pytest.raises(GateClosedError, match="a login speaks for one person alone"):
        approve(project, "Ben", "cli")


def test_a_viewer_and_a_disabled_person_decide_nowhere(project: Project, users: Users) -> None:
    write_channel(project.settings.root, "crafts")
    users.disable("Ben", by="test")
    users.connect("Vera", "slack", "U5", by="test")
    reviewable(project, video=b"a dark video", checks=(check_result("not_black"),))
    for name in ("Vera", "ben"):
        for via in ("cli", "tui", "slack"):
            with pytest.raises(GateClosedError, match="may not decide"):
                approve(project, name, via)
        with pytest.raises(GateClosedError, match="may not decide"):
            waive_check(project, ID, "not_black", by=name, via="cli", reason="fine")
    with pytest.raises(GateClosedError, match="the role at the desk is viewer"):
        chat_name(project, "U5")


def test_the_approval_of_somebody_disabled_since_does_not_count(project: Project, users: Users) -> None:
    approve(project, "Ana")
    assert approve(project, "Ben") == "approved"
    users.disable("Ana", by="test")
    platform = FakePlatform()
    with pytest.raises(GateClosedError, match="1 of 2 people have approved exactly this: Ben"):
        publish_post(project, channel_of(project), ID, "instagram", provider=platform)
    users.enable("Ana", by="test")
    assert publish_post(project, channel_of(project), ID, "instagram", provider=platform).state == "posted"


def test_names_in_the_channels_file_are_people_without_a_desk(project: Project) -> None:
    write_channel(project.settings.root, "crafts", review={"approvals": 2, "who": ["ana", "ben"]})
    assert approve(project, " Ana", "slack") == "endorsed"
    assert review_of(project, ID).approvers == ("ana",)
    assert approve(project, "BEN", "slack") == "approved"
