"""People, links, sessions and tokens, without HTTP."""

import threading
from datetime import timedelta

import pytest

from dayreel.errors import BusyError, GateClosedError, StaleState, UsageError
from dayreel.services.audit import recent_acts
from dayreel.services.desk.sessions import Sessions, Throttle
from dayreel.services.desk.users import Users
from dayreel.stores.catalog.engine import Catalog
from tests.fakes.clock import FakeClock
from tests.fakes.desk import PASSWORD, QUICK


def test_a_person_comes_in_works_and_is_locked_out(catalog: Catalog) -> None:
    clock = FakeClock()
    users, sessions = Users(catalog, clock, hasher=QUICK), Sessions(catalog, clock)
    link = users.first_link()
    assert link is not None
    root = users.accept(link, name="  Root ", password=PASSWORD)
    assert (root.name, root.role) == ("Root", "admin")
    ana = users.accept(users.add("Ana", "reviewer", by="Root"), name="ignored", password=PASSWORD)
    assert users.check_password("ANA", PASSWORD) == ana
    assert users.check_password("Ana", PASSWORD + "x") is None
    assert users.check_password("Nobody", PASSWORD) is None
    secret = sessions.begin(ana, agent="a browser")
    token = sessions.make_token(ana, "script", role="admin", by="Ana")
    for visitor in (sessions.visitor(secret), sessions.bearer(token), sessions.named("ana")):
        assert visitor is not None
        assert (visitor.name, visitor.role) == ("Ana", "reviewer")
    users.disable("Ana", by="Root")
    assert (sessions.visitor(secret), sessions.bearer(token), sessions.named("Ana")) == (None, None, None)
    users.enable("Ana", by="Root")
    assert sessions.visitor(secret) is None, "enabling brought an ended session back"
    with catalog.read() as connection:
        assert [(act.actor, act.act, act.target) for act in recent_acts(connection)][:2] == [
            ("Root", "enable user", "Ana"),
            ("Root", "disable user", "Ana"),
        ]


def test_one_link_makes_one_admin_however_many_use_it_at_once(catalog: Catalog) -> None:
    users = Users(catalog, FakeClock(), hasher=QUICK)
    link = users.first_link()
    assert link is not None
    outcomes: list[str] = []

    def use(name: str) -> None:
        try:
            outcomes.append(users.accept(link, name=name, password=PASSWORD).name)
        except StaleState:
            outcomes.append("refused")

    threads = [threading.Thread(target=use, args=(f"Person {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1:] == ["refused"] * 5
    assert len(users.list()) == 1


def test_a_new_password_ends_the_sessions_of_the_old_one(sqlite_catalog: Catalog) -> None:
    clock = FakeClock()
    users, sessions = Users(sqlite_catalog, clock, hasher=QUICK), Sessions(sqlite_catalog, clock)
    ana = users.accept(users.add("Ana", "viewer", by="test"), name="", password=PASSWORD)
    secret = sessions.begin(ana, agent="")
    older, newer = users.invite_again("Ana", by="test"), users.invite_again("Ana", by="test")
    assert users.invited(older) is None, "two links hold at once"
    users.accept(newer, name="", password="another pass phrase")
    assert sessions.visitor(secret) is None
    assert users.check_password("Ana", PASSWORD) is None


def test_a_used_session_lasts_to_its_end_and_an_idle_one_ends(catalog: Catalog) -> None:
    clock = FakeClock()
    users, sessions = Users(catalog, clock, hasher=QUICK), Sessions(catalog, clock)
    ana = users.accept(users.add("Ana", "viewer", by="test"), name="", password=PASSWORD)
    used, idle = sessions.begin(ana, agent=""), sessions.begin(ana, agent="")
    for _ in range(6):
        clock.move(days=2, hours=6)
        assert (sessions.visitor(used) is not None) == (clock.now() < FakeClock().now() + timedelta(days=14))
    assert sessions.visitor(idle) is None


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b", "line\x1bfeed", "\u202egnirts"])
def test_a_name_that_could_fool_a_reader_is_refused(sqlite_catalog: Catalog, name: str) -> None:
    with pytest.raises(UsageError, match="is not a valid name"):
        Users(sqlite_catalog, FakeClock(), hasher=QUICK).add(name, "viewer", by="test")


def test_tries_are_counted_before_their_end_is_known() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, most=3, window_s=60, keys=2)
    for _ in range(3):
        throttle.try_once("a")
    with pytest.raises(BusyError, match="Wait 61 s"):
        throttle.try_once("a")
    throttle.try_once("b")
    clock.move(seconds=61)
    throttle.try_once("a")
    throttle.forget("a")
    throttle.try_once("c")


def test_a_new_role_or_password_ends_the_sessions_and_is_noted(catalog: Catalog) -> None:
    clock = FakeClock()
    users, sessions = Users(catalog, clock, hasher=QUICK), Sessions(catalog, clock)
    users.add("Olga", "admin", by="test")
    ana = users.accept(users.add("Ana", "operator", by="test"), name="", password=PASSWORD)
    token = sessions.make_token(ana, "nightly", by="Ana")

    before = sessions.begin(ana, agent="x")
    assert users.change_role("ANA", "viewer", by="Olga").role == "viewer"
    assert sessions.visitor(before) is None
    visitor = sessions.bearer(token)
    assert visitor is not None
    assert visitor.role == "viewer", "a token does no more than the new role may"

    link, again = users.invite_again("Ana", by="Olga"), sessions.begin(users.named("Ana"), agent="x")
    with pytest.raises(GateClosedError, match="the present one is another"):
        users.change_password("Ana", "four other small words", by="Ana", present="wrong guess")
    assert sessions.visitor(again) is not None
    users.change_password("Ana", "four other small words", by="Ana", present=PASSWORD)
    assert sessions.visitor(again) is None
    assert users.invited(link) is None
    assert users.check_password("Ana", PASSWORD) is None
    assert users.check_password("Ana", "four other small words") is not None
    with catalog.read() as connection:
        noted = [(act.act, act.target, act.actor, act.detail) for act in recent_acts(connection)]
    assert ("change role", "Ana", "Olga", {"from": "operator", "to": "viewer"}) in noted
    assert noted[0] == ("set password", "Ana", "Ana", {})
    assert PASSWORD not in str(noted)


def test_the_last_admin_stays_one(sqlite_catalog: Catalog) -> None:
    users = Users(sqlite_catalog, FakeClock(), hasher=QUICK)
    for name in ("Olga", "Otto"):
        users.add(name, "admin", by="test")
    users.change_role("Otto", "viewer", by="Olga")
    with pytest.raises(UsageError, match="'Olga' is the last admin"):
        users.change_role("Olga", "viewer", by="Otto")
    assert users.named("Olga").role == "admin"
