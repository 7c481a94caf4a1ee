"""A full disk is one sentence with what to do, on every face, whoever met it first: a file, SQLite, PostgreSQL."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text

from dayreel.cli import run as dayreel
from dayreel.errors import DiskFullError
from dayreel.services.project import Project
from dayreel.stores.catalog.engine import Catalog
from dayreel.stores.catalog.tables import acts
from dayreel.tui.terminal import Link
from tests.fakes.clock import NINE
from tests.fakes.desk import desk_on, person

MakeProject = Callable[..., Project]


def full(*_arguments: Any, **_more: Any) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device", "/data/video.mp4")


def test_a_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "channels").mkdir()
    (tmp_path / "workspace.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dayreel.services.upkeep.backups.write_backup", full)
    assert dayreel(["backup", "copies/"]) == 1
    message = "dayreel: Tried to write '/data/video.mp4', but there is no room left; nothing was kept. Free some space"
    assert capsys.readouterr().err.startswith(message)


def test_the_terminal_says_so(make_project: MakeProject) -> None:
    with pytest.raises(DiskFullError, match="no room left"):
        Link(make_project(), person="ana")._answer(full)


def test_a_page_says_so(make_project: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = person(desk_on(make_project()), "Ana", "viewer")
    monkeypatch.setattr("dayreel.desk.pages.money.money_of", full)
    answer = browser.get("/money")
    assert answer.status_code == 507
    assert "no room left" in answer.text


def test_the_catalog_says_so(sqlite_catalog: Catalog) -> None:
    row = {"at": NINE, "actor": "ana", "via": "cli", "act": "set", "target": "t", "detail": {"long": "x" * 900_000}}

    def write() -> None:
        with sqlite_catalog.write() as connection:
            connection.execute(text("PRAGMA max_page_count = 100"))
            connection.execute(insert(acts).values(**row))

    with pytest.raises(DiskFullError, match="its disk is full"):
        write()
