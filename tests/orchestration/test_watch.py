"""`dayreel run --watch`: the same work without the daemon, until stopped."""

import json
import os
import signal
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from dayreel.services.status import status_of
from dayreel.services.upkeep.watch_work import Memory, next_work
from tests.orchestration.project import NOTES, ROOT, Project, today
from tests.waiting import wait_until

DAY = today()
NOTES_ID = f"notes-{DAY}"


class AtNoon(SystemClock):
    """Today at noon, UTC."""

    def now(self) -> datetime:
        return super().now().replace(hour=12)


def _keys(project: Project, memory: Memory) -> list[str]:
    with project.studio(clock=AtNoon()) as room:
        tasks, _ = next_work(room, memory, target="slack")
    return [task.key for task in tasks]


def test_what_was_done_is_not_due_again(made: Project) -> None:
    memory = Memory()
    assert _keys(made, memory) == [f"make:notes:{DAY}", f"measure:{DAY}"]
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


def test_nothing_is_made_before_its_time(project: Project) -> None:
    project.write_channel("notes", {**NOTES, "make_at": "13:00"})
    assert _keys(project, Memory()) == [f"measure:{DAY}"]
    project.write_channel("notes", {**NOTES, "active_from": (DAY + timedelta(days=1)).isoformat()})
    assert _keys(project, Memory()) == [f"measure:{DAY}"]
    assert isinstance(DAY, date)


@pytest.mark.slow
def test_watch_mode_posts_an_approval_and_stops_on_sigterm(made: Project) -> None:
    made.write_channel("notes", {**NOTES, "make_at": "00:00"})
    made.decide(NOTES_ID, "approved")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "HOME": str(made.root),
    }
    log = made.root / "watch.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dayreel.cli", "run", "--watch"], cwd=made.root, env=environment, stderr=output
        )
    try:
        wait_until(lambda: _state(made) == "posted" or process.poll() is not None, within_s=90, otherwise=log.read_text)
        assert process.poll() is None, log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    done = json.loads(Path(made.root / "var" / "watch.json").read_text(encoding="utf-8"))["done"]
    assert any(key.startswith(f"post:{NOTES_ID}:outbox:") for key in done)


def _state(project: Project) -> str:
    with project.studio() as room:
        (one,) = status_of(room.catalog)
    return str(one["state"])
