"""`dayreel users`: links, tokens and locking out at a prompt; and where `dayreel desk` refuses to listen."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from dayreel.services.desk.sessions import Sessions
from dayreel.services.desk.users import Users
from dayreel.settings import load_settings
from dayreel.stores.catalog.engine import open_catalog
from tests.fakes.clock import FakeClock
from tests.unit.cli.conftest import Told

pytestmark = pytest.mark.slow


def test_somebody_is_added_listed_given_a_token_and_locked_out(project: Path, dayreel: Callable[..., Told]) -> None:
    added = dayreel("users", "add", "Ana", "--role", "reviewer")
    assert added.code == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:8700/welcome/[\w-]{43}\n", added.out)
    assert [(user["name"], user["role"]) for user in json.loads(dayreel("users", "list", "--json").out)] == [
        ("Ana", "reviewer")
    ]
    assert "has not logged in yet" in dayreel("users", "list").out
    token = dayreel("users", "token", "ana", "--label", "nightly", "--role", "admin").out.strip()
    with open_catalog(load_settings().catalog) as catalog:
        visitor = Sessions(catalog, SystemClock()).bearer(token)
        assert visitor is not None
        assert (visitor.name, visitor.role) == ("Ana", "reviewer"), "a token may never do more than its person"
        assert Users(catalog, FakeClock()).first_link() is None
        assert dayreel("users", "disable", "Ana").code == 0
        assert Sessions(catalog, SystemClock()).bearer(token) is None
    assert dayreel("users", "enable", "ANA").code == 0


def test_a_name_that_is_taken_or_unknown_is_a_sentence(project: Path, dayreel: Callable[..., Told]) -> None:
    dayreel("users", "add", "Ana")
    again = dayreel("users", "add", " ana ")
    assert again.code == 2
    assert "already" in again.err
    assert dayreel("users", "disable", "Nobody").code == 2
    assert dayreel("users", "add", "Eve", "--role", "king").code == 2


def test_beyond_loopback_the_desk_refuses_without_users(project: Path, dayreel: Callable[..., Told]) -> None:
    result = dayreel("desk", "--host", "0.0.0.0", "--port", "0")
    assert result.code == 1
    assert "dayreel users add" in result.err


def test_roles_passwords_and_accounts_are_changed_at_a_prompt(project: Path, dayreel: Callable[..., Told]) -> None:
    for name, role in (("Olga", "admin"), ("Ana", "reviewer")):
        dayreel("users", "add", name, "--role", role)
    assert dayreel("users", "role", "ana", "operator").out.startswith("Ana is operator now")
    assert dayreel("users", "role", "Olga", "viewer").code == 2
    assert dayreel("users", "password", "Ana", "--password", "short").code == 2
    assert dayreel("users", "password", "Ana", "--password", "three small words").code == 0
    for kind, account in (("slack", "U1"), ("login", "ana")):
        assert dayreel("users", "connect", "Ana", kind, account).code == 0
    assert dayreel("users", "connect", "Olga", "slack", "U1").code == 2
    assert dayreel("users", "connect", "Olga", "fax", "1").code == 2
    listed = {user["name"]: user["accounts"] for user in json.loads(dayreel("users", "list", "--json").out)}
    assert listed == {"Ana": [["login", "ana"], ["slack", "U1"]], "Olga": []}
    assert dayreel("users", "disconnect", "Ana", "slack", "U1").code == 0
    assert "login ana" in dayreel("users", "list").out
    with open_catalog(load_settings().catalog) as catalog:
        assert Users(catalog, FakeClock()).check_password("ana", "three small words") is not None
