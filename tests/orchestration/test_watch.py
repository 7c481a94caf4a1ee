"""`dayreel run --watch`: the same work without the daemon, until stopped."""

import json
import os
import signal
import threading
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dayreel.cli import run as dayreel
from dayreel.clock import SystemClock
from dayreel.services.notifier_routes import everything_to
from dayreel.services.upkeep.watch_work import Memory, next_work
from tests.days import ZONE, today
from tests.fakes.project import status_documents
from tests.orchestration.deployment import NOTES, Deployment
from tests.waiting import wait_until

DAY = today()
NOTES_ID = f"notes-{DAY}"


class AtNoon(SystemClock):
    """Today at noon."""

    def now(self) -> datetime:
        return super().now().astimezone(ZoneInfo(ZONE)).replace(hour=12)


def _keys(deployment: Deployment, memory: Memory) -> list[str]:
    with deployment.project(clock=AtNoon()) as project:
        tasks, _ = next_work(project, memory, targets=everything_to("slack"))
    return [task.key for task in tasks]


def test_what_was_done_is_not_due_again(made: Deployment) -> None:
    memory = Memory()
    assert _keys(made, memory) == [f"make:notes:{DAY}", f"measure:{DAY}T07:30"]
    memory.done += _keys(made, memory)
    assert _keys(made, memory) == []
    decision_id = made.decide(NOTES_ID, "approved")
    decided, post = _keys(made, memory)
    assert decided == f"decision:{decision_id}"
    assert post.startswith(f"post:{NOTES_ID}:outbox:{decision_id}:0:")
    assert memory.decisions == 0
    memory.done.append(f"decision:{decision_id}")
    assert _keys(made, memory) == [post]
    assert memory.decisions == decision_id


def test_nothing_is_made_before_its_time(deployment: Deployment) -> None:
    deployment.write_channel("notes", {**NOTES, "make_at": "13:00"})
    assert _keys(deployment, Memory()) == [f"measure:{DAY}T07:30"]
    deployment.write_channel("notes", {**NOTES, "active_from": (DAY + timedelta(days=1)).isoformat()})
    assert _keys(deployment, Memory()) == [f"measure:{DAY}T07:30"]
    assert isinstance(DAY, date)


def test_watch_mode_posts_an_approval_and_stops_on_sigterm(
    made: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The signal comes from another thread of this process, as soon as the post is out."""
    made.write_channel("notes", {**NOTES, "make_at": "23:59"})
    made.decide(NOTES_ID, "approved")
    monkeypatch.chdir(made.root)
    monkeypatch.setenv("DAGSTER_HOME", str(made.root / "dagster_home"))
    ours = signal.getsignal(signal.SIGTERM)

    def stop_it() -> None:
        try:
            wait_until(lambda: _state(made) == "posted", within_s=300, every_s=0.1)
        finally:
            if signal.getsignal(signal.SIGTERM) is not ours:
                os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop_it)
    stopping.start()
    assert dayreel(["run", "--watch"]) == 0
    stopping.join()
    assert signal.getsignal(signal.SIGTERM) is ours
    assert capsys.readouterr().err.splitlines()[-1] == "Stopped."
    assert _state(made) == "posted"
    done = json.loads(Path(made.root / "var" / "watch.json").read_text(encoding="utf-8"))["done"]
    assert any(key.startswith(f"post:{NOTES_ID}:outbox:") for key in done)


def _state(deployment: Deployment) -> str:
    with deployment.project() as project:
        (document,) = status_documents(project)
    return str(document["state"])


def test_a_look_for_cron_ends_with_1_while_all_is_not_well(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(deployment.root)
    monkeypatch.setenv("DAGSTER_HOME", str(deployment.root / "dagster_home"))
    capsys.readouterr()
    assert dayreel(["watch", "--once", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"silent": [], "resolved": []}
    assert dayreel(["watch", "--morning", "--json"]) == 0
    morning = json.loads(capsys.readouterr().out)
    assert (morning["well"], morning["missing"]) == (True, [])
    assert morning["text"].startswith("Everything that should exist does: ")
    assert dayreel(["watch", "--morning", "--once"]) == 2
    deployment.write_channel("notes", {**NOTES, "make_at": "later"})
    assert dayreel(["watch", "--once"]) == 1
    printed = capsys.readouterr().out
    assert "Dagster's graph does not load because of channel notes: Read the file" in printed
    assert printed.endswith("Silent: 1.\n")
    assert dayreel(["status"]) == 0
    assert "because of channel notes" in capsys.readouterr().out
