"""The other places of the terminal: the day, renders, unknown outcomes, money; and the catalog going away."""

import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import insert
from textual.widgets import Input

from dayreel.cli.tui_command import command
from dayreel.errors import UsageError
from dayreel.queries.config import read_config
from dayreel.queries.queue import dashboard
from dayreel.services.audit import recent_acts
from dayreel.services.configure import write_config
from dayreel.services.making.plan_days import skip_day
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from dayreel.services.upkeep.start_work import making_of
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import epoch_holds
from tests.fakes.clock import FakeClock
from tests.fakes.project import DAY, content_row, ledger_rows, reviewable
from tests.fakes.project import make_project as studio_at
from tests.fakes.rows import add_content, add_effect
from tests.unit.tui.terminals import (
    WAIT_S,
    Keyboard,
    WatchedTerminal,
    a_busy_day,
    run,
    same_as_stored,
    terminal,
    text,
    until,
)

MakeProject = Callable[..., Project]


def switch(project: Project) -> tuple[str, str | None, str | None]:
    with project.catalog.read() as connection:
        value = read_config(connection, "switch")
    return value.value, value.updated_by, value.note


def catalog_file(project: Project) -> Path:
    return Path(project.settings.catalog.removeprefix("sqlite:///"))


def test_the_main_screens_look_as_they_are_stored(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {}, "histories": {"platforms": {"youtube": {}}}})
    a_busy_day(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await same_as_stored(app, keyboard, "day", "posted (1)")
        await keyboard.press("enter")
        await same_as_stored(app, keyboard, "review", "revision 1", "FAILED loudness")
        await keyboard.press("w")
        await until(app, "Why does it not matter?")
        app.screen.query_one(Input).value = "loud on purpose"
        await keyboard.press("enter")
        await until(app, "loudness waived by alma", "waived loudness")
        await keyboard.press("a")
        await same_as_stored(app, keyboard, "approve", "Approve revision 1")
        await keyboard.press("escape", "e")
        await same_as_stored(app, keyboard, "edit", "/2200 characters", "Caption, without")
        await keyboard.press("escape", "escape", "2")
        await same_as_stored(app, keyboard, "renders", "45 %")
        await keyboard.press("3")
        await same_as_stored(app, keyboard, "unknown", "connection reset")
        await keyboard.press("4")
        await same_as_stored(app, keyboard, "money", "$0.25 of $25.00")

    run(terminal(project), story)


def test_the_day_and_the_renders_move_by_themselves(make_project: MakeProject) -> None:
    project = make_project()
    add_content(project.catalog, f"crafts-{DAY}", "rendering")

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "rendering (1)", "starting")
        fire(project, f"crafts-{DAY}", 1, "start", progress=0, detail="queued")
        await until(app, "0 of 1 segments")
        await keyboard.press("2")
        await until(app, "queued")
        fire(project, f"crafts-{DAY}", 1, "progress", progress=70, detail="70 %")
        await until(app, "rendering ██████████████░░░░░░ 70 %")

    run(terminal(project), story)


def test_two_hundred_contents_are_all_there_at_80_by_24(make_project: MakeProject) -> None:
    """Each id in one piece, nothing cut off at the side, and the last one can be opened."""
    name = "a_channel_with_a_name_of_forty_characters"[:40]
    project = make_project(channels={name: {}})
    days = [DAY - timedelta(days=back) for back in range(200)]
    ids = [add_content(project.catalog, f"{name}-{day}", "posted", idea="A jar, " * 12 + "the end") for day in days]
    add_content(project.catalog, f"{name}-{DAY + timedelta(days=1)}", "failed", error="no money, " * 30 + "none at all")

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        shown = await until(app, "failed (1)", "posted (200)", "none at all", "the end")
        assert "…" not in shown
        seen = set(re.findall(rf"{name}-\S+", shown))
        await keyboard.press("end", "enter")
        await until(app, ids[99])  # where the first page ended
        await keyboard.press("end", "enter")
        await until(app, ids[199], gone="more: Enter shows them")
        await keyboard.press("home")
        for _screenful in range(60):
            shown = text(app)
            assert "…" not in shown
            assert max(map(len, shown.splitlines())) <= 80
            seen |= set(re.findall(rf"{name}-\S+", shown))
            await keyboard.press("pagedown")
        assert seen >= set(ids)
        await keyboard.press("end", "enter")
        await until(app, f"{ids[199]} ", "revision 0, posted")

    run(terminal(project), story)


def test_the_highlight_stays_on_its_content_as_the_list_changes(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    add_content(project.catalog, f"crafts-{DAY - timedelta(days=3)}", "failed", error="no money")

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "failed (1)")
        await keyboard.press("end")
        add_content(project.catalog, f"crafts-{DAY - timedelta(days=1)}", "failed", error="no money either")
        await until(app, "failed (2)")
        await keyboard.press("enter")
        await until(app, f"{row.id} Crafts")

    run(terminal(project), story)


def test_a_missed_day_is_made_or_skipped(make_project: MakeProject) -> None:
    project = make_project()
    add_content(project.catalog, f"crafts-{DAY - timedelta(days=3)}", "posted")
    for day in (DAY, DAY - timedelta(days=2)):
        skip_day(project, "crafts", day, by="alma", via="tui")
    started: list[tuple[Sequence[str], str]] = []

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "due or missed (1)", f"crafts {DAY - timedelta(days=1)} missed")
        await keyboard.press("home", "enter")
        await until(app, "Make it for about $", "s skips the day")
        await keyboard.press("m")
        await until(app, "is being made")
        await keyboard.press("home", "enter", "s")
        await until(app, f"crafts skips {DAY - timedelta(days=1)}", gone="due or missed")

    run(terminal(project, start=lambda _project, line, by: started.append((line, by))), story)
    assert started == [(making_of("crafts", DAY - timedelta(days=1)), "alma")]


# -- the catalog goes away -----------------------------------------------------------------------------------------


def test_a_lost_catalog_is_a_banner_and_its_return_is_noticed(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    row = reviewable(project)
    file, away = catalog_file(project), tmp_path / "away"

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, row.id)
        await keyboard.press("enter")
        await until(app, "revision 1, review pending")
        file.parent.rename(away)
        shown = await until(app, "is not there, or not within reach. Put it back", "What is shown is from before")
        assert "Clay, patience" in shown
        await keyboard.press("a", "y")
        await until(app, "is not there, or", gone="Recording that")
        assert not file.exists()
        away.rename(file.parent)
        await until(app, "revision 1, review pending", gone="What is shown is from before")
        await keyboard.press("a", "y")
        await until(app, "Recorded: revision 1 approved by alma")

    run(terminal(project), story)
    assert content_row(project, row.id).state == "approved"


def test_a_replaced_catalog_is_read_instead_of_the_old_one(make_project: MakeProject, tmp_path: Path) -> None:
    project = make_project()
    row = reviewable(project)
    backup = tmp_path / "backup.db"
    with sqlite3.connect(catalog_file(project)) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
        copy.execute("UPDATE content SET idea = 'From the backup'")
    source.close()
    copy.close()

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, f"A jar rises on {row.id[:7]}")
        for name in ("catalog.db-wal", "catalog.db-shm"):
            (catalog_file(project).parent / name).unlink(missing_ok=True)
        backup.rename(catalog_file(project))
        await until(app, "From the backup")

    run(terminal(project), story)


def test_a_locked_catalog_refuses_a_decision_and_takes_the_next(
    tmp_path: Path,
) -> None:
    studio_at(tmp_path).catalog.close()
    catalog = Catalog(f"sqlite:///{tmp_path / 'var' / 'catalog.db'}", busy_timeout_s=0.1)
    project = studio_at(tmp_path, catalog=catalog)
    reviewable(project)
    holder = sqlite3.connect(catalog_file(project), isolation_level=None)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "review pending")
        await keyboard.press("enter")
        await until(app, "revision 1, review pending")
        holder.execute("BEGIN IMMEDIATE")
        await keyboard.press("a", "y")
        await until(app, "another process held it for more than 0.1 s")
        holder.execute("ROLLBACK")
        await keyboard.press("a", "y")
        await until(app, "Recorded: revision 1 approved by alma")

    try:
        run(terminal(project), story)
    finally:
        holder.close()
        catalog.close()


def test_a_catalog_that_does_not_answer_never_stops_the_keys(
    make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeClock()
    project = make_project(clock=clock)
    row, answers, read = reviewable(project), threading.Event(), dashboard
    threads = set()

    def slow(project: Project, *, limit: int) -> object:
        threads.add(threading.get_ident())
        assert answers.wait(WAIT_S)
        return read(project, limit=limit)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        clock.move(seconds=7)
        await until(app, "The catalog has not answered for 7 s.")
        await keyboard.press("4")
        await until(app, "Buying and posting are allowed")
        await keyboard.press("1")
        answers.set()
        await until(app, row.id, gone="has not answered")

    monkeypatch.setattr("dayreel.tui.dashboard.dashboard", slow)
    run(terminal(project), story)
    assert threading.get_ident() not in threads


# -- unknown outcomes ----------------------------------------------------------------------------------------------


def test_what_is_not_there_is_released_by_a_person(make_project: MakeProject) -> None:
    project = make_project()
    effect_id = add_effect(project.catalog, reviewable(project).id)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, "Outcomes that nobody knows: 1; press 3.", "unknown outcome (1)")
        await keyboard.press("3")
        await until(app, "evidence", "connection reset", "prompt: a jar rises")
        await keyboard.press("n")
        await until(app, "Then $0.25 is released")
        await keyboard.press("y")
        await until(app, f"Effect {effect_id}: released.", "Every outcome is known.")

    run(terminal(project), story)
    (effect,) = ledger_rows(project, id=effect_id)
    assert (effect["state"], effect["error"]) == ("intended", "alma looked: not there")


def test_what_was_found_goes_on_under_its_id(make_project: MakeProject) -> None:
    project = make_project()
    effect_id = add_effect(project.catalog, reviewable(project).id)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("3")
        await until(app, "connection reset")
        await keyboard.press("f")
        await until(app, "Under which id does fal have segment 1")
        app.screen.query_one(Input).value = "req-77"
        await keyboard.press("enter")
        await until(app, f"Effect {effect_id}: goes_on.")

    run(terminal(project), story)
    (effect,) = ledger_rows(project, id=effect_id)
    assert (effect["state"], effect["handle"]["request_id"]) == ("sent", "req-77")


def test_a_ruling_on_an_effect_that_moved_meanwhile_is_refused(make_project: MakeProject) -> None:
    project = make_project()
    effect_id = add_effect(project.catalog, reviewable(project).id)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("3")
        await until(app, "connection reset")
        await keyboard.press("n")
        await until(app, "is released")
        project.ledger.record_outcome(effect_id, "unknown", "fal knows nothing about it now")
        await keyboard.press("y")
        await until(app, f"Effect {effect_id} was looked at again: fal knows nothing", "nothing was recorded")

    run(terminal(project, every_s=3600), story)
    assert ledger_rows(project, id=effect_id)[0]["state"] == "unknown"


# -- money ---------------------------------------------------------------------------------------------------------


def test_the_kill_switch_is_turned_with_a_reason_and_by_name(make_project: MakeProject) -> None:
    project = make_project()

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("4")
        await until(app, "Buying and posting are allowed")
        await keyboard.press("s")
        await until(app, "Turn the kill switch off")
        app.screen.query_one(Input).value = "wrong prices"
        await keyboard.press("enter")
        await until(app, "stopped everything", "by alma, 2026-11-20 09:00 UTC: wrong prices")
        await keyboard.press("1")
        await until(app, "The kill switch has stopped everything")

    run(terminal(project), story)
    assert switch(project) == ("off", "alma", "wrong prices")
    with project.catalog.read() as connection:
        assert [(act.act, act.actor, act.via) for act in recent_acts(connection)] == [("set off", "alma", "tui")]


def test_a_switch_that_somebody_else_turned_first_is_left_alone(make_project: MakeProject) -> None:
    project = make_project()

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await keyboard.press("4")
        await until(app, "Buying and posting are allowed")
        with project.catalog.write() as connection:
            write_config(connection, "switch", "off", by="bob", at=project.clock.now(), note="first")
        await keyboard.press("s")
        app.screen.query_one(Input).value = "second"
        await keyboard.press("enter")
        await until(app, "The kill switch is off already, by bob. Nothing was changed.")

    run(terminal(project, every_s=3600), story)
    assert switch(project) == ("off", "bob", "first")


def test_the_day_says_what_is_held(make_project: MakeProject) -> None:
    project = make_project()
    reviewable(project)
    with project.catalog.write() as connection:
        hold = {"target": "fal", "reason": "2 acts are known to nobody", "missing": 2}
        connection.execute(insert(epoch_holds).values(**hold, since_at=project.clock.now()))

    async def story(app: WatchedTerminal, _keyboard: Keyboard) -> None:
        await until(app, "fal is held: 2 acts are known to nobody", "--release fal")

    run(terminal(project), story)


# -- the command ---------------------------------------------------------------------------------------------------


def test_the_command_wants_a_terminal() -> None:
    result = CliRunner().invoke(command, [], standalone_mode=False)
    assert isinstance(result.exception, UsageError)
    assert "needs a terminal" in str(result.exception)


def test_the_command_runs_in_a_real_terminal_and_leaves_with_q(tmp_path: Path) -> None:
    project = studio_at(tmp_path)
    reviewable(project)
    project.catalog.close()
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "DAYREEL_REVIEWER": "alma"}
    line = [sys.executable, "-m", "dayreel", "tui"]
    process = subprocess.Popen(
        line, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    killer = threading.Timer(300, process.send_signal, [signal.SIGKILL])
    killer.start()
    try:
        while b"review pending" not in seen:
            seen += os.read(ours, 65536)
        os.write(ours, b"q")
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # what Linux says of a terminal that nobody has open any more
                break
        assert process.wait() == 0
    finally:
        killer.cancel()
        os.close(ours)
    assert b"Traceback" not in seen
    assert b"\x1b[?1049l" in seen  # the person's own screen is back
