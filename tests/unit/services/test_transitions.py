"""Moving rows: one wins, the loser learns who won, and everything is in the audit trail."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from dayreel.errors import StaleState, UsageError
from dayreel.queries.rows import ContentRow, get_content
from dayreel.services.transitions import advance
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import renders, state_transitions
from tests.fakes.clock import NINE
from tests.fakes.rows import CONTENT_ID, add_content

LATER = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.fixture
def ready(sqlite_catalog: Catalog) -> Catalog:
    add_content(sqlite_catalog)
    return sqlite_catalog


@pytest.fixture
def either(catalog: Catalog) -> Catalog:
    """The same on each database, for what hangs on commits and locks."""
    add_content(catalog)
    return catalog


def row(catalog: Catalog) -> ContentRow:
    with catalog.read() as connection:
        return get_content(connection, CONTENT_ID)


def fire(connection: Connection, event: str, **more: Any) -> None:
    advance(connection, "content", CONTENT_ID, event, **{"at": LATER, "actor": "ana", **more})


def audit(catalog: Catalog) -> list[dict[str, Any]]:
    with catalog.read() as connection:
        query = select(state_transitions).order_by(state_transitions.c.id)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_move_bumps_the_version_and_writes_an_audit_row(either: Catalog) -> None:
    with either.write() as connection:
        fire(connection, "script", notes="ideas", run_id="run-1", trigger="manual")
    now = row(either)
    assert (now.state, now.version, now.updated_at, now.run_id) == ("scripting", 2, LATER, "run-1")
    (entry,) = audit(either)
    assert {key: value for key, value in entry.items() if key != "id"} == {
        "entity": "content",
        "entity_id": CONTENT_ID,
        "from_state": "pending",
        "to_state": "scripting",
        "event": "script",
        "trigger": "manual",
        "actor": "ana",
        "notes": "ideas",
        "version": 2,
        "at": LATER,
    }


def test_a_move_and_its_audit_row_come_together_or_not_at_all(either: Catalog) -> None:
    def move_and_fail() -> None:
        with either.write() as connection:
            fire(connection, "script")
            raise KeyError

    with pytest.raises(KeyError):
        move_and_fail()
    assert (row(either).state, audit(either)) == ("pending", [])


def test_retry_after_a_failure_returns_to_the_last_good_state(ready: Catalog) -> None:
    with ready.write() as connection:
        fire(connection, "render")
        fire(connection, "fail", error="fal is down")
    assert (row(ready).state, row(ready).last_good_state, row(ready).error) == ("failed", "rendering", "fal is down")
    with ready.write() as connection:
        fire(connection, "retry", error=None)
    assert (row(ready).state, row(ready).error) == ("rendering", None)


def test_a_move_that_the_table_does_not_have_changes_nothing(ready: Catalog) -> None:
    with pytest.raises(UsageError, match="'pending' cannot 'publish'"), ready.write() as connection:
        fire(connection, "publish")
    assert (row(ready).version, audit(ready)) == (1, [])


def test_a_row_that_is_not_there_is_reported(ready: Catalog) -> None:
    with pytest.raises(UsageError, match="There is no content 'glass-2026-11-20'"), ready.write() as connection:
        advance(connection, "content", "glass-2026-11-20", "script", at=NINE, actor="ana")


@pytest.mark.parametrize("event", ["voice", "fail", "finish"])
def test_the_loser_of_two_learns_who_won_when_and_where_to(either: Catalog, event: str) -> None:
    """Both have read version 1; whether the loser's event would still be possible does not matter."""
    seen = row(either).version
    with either.write() as connection:
        fire(connection, "script", actor="ben", expected_version=seen)
    with pytest.raises(StaleState) as raised, either.write() as connection:
        fire(connection, event, actor="ana", expected_version=seen)
    assert "'ben' at 2026-11-20T09:30:00+00:00: script made it 'scripting'" in raised.value.message
    assert (row(either).state, len(audit(either))) == ("scripting", 1)


def test_of_two_connections_at_the_same_moment_one_wins(either: Catalog) -> None:
    """Under different subjects nothing but the compare-and-set stands between them."""
    together, outcomes = threading.Barrier(2), []

    def move(name: str) -> None:
        with Catalog(either.url) as mine:
            seen = row(mine).version
            together.wait(120)
            try:
                with mine.write(name) as connection:
                    fire(connection, "script", actor=name, expected_version=seen)
                outcomes.append(("won", name))
            except StaleState as error:
                outcomes.append(("refused", str(error)))

    threads = [threading.Thread(target=move, args=(name,)) for name in ("ana", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (_, winner), (kind, refusal) = sorted(outcomes, key=lambda outcome: outcome[0] == "refused")
    assert kind == "refused"
    assert f"{winner!r}" in refusal
    assert [entry["actor"] for entry in audit(either)] == [winner]


def test_a_stale_version_is_refused_even_without_an_audit_row(ready: Catalog) -> None:
    with pytest.raises(StaleState, match="changed by somebody else"), ready.write() as connection:
        fire(connection, "script", expected_version=7)


def test_a_render_moves_by_its_own_table(ready: Catalog) -> None:
    with ready.write() as connection:
        connection.execute(
            insert(renders).values(
                id="r", content_id=CONTENT_ID, sequence=1, state="idle", version=1, progress=0, updated_at=NINE
            )
        )
        for event in ("start", "progress", "complete"):
            advance(connection, "render", "r", event, at=LATER, actor="ana", progress=50)
    with ready.read() as connection:
        now = connection.execute(select(renders)).mappings().one()
    assert (now["state"], now["version"], now["progress"]) == ("completed", 4, 50)
    assert [entry["to_state"] for entry in audit(ready)] == ["queued", "rendering", "completed"]
