"""Named locks: one works, the other learns who does."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dayreel.errors import BusyError
from dayreel.stores.locks import hold

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOLDS = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from dayreel.stores.locks import hold
with hold(Path(sys.argv[1]), "day", what="make the day", at=datetime(2026, 11, 20, 9, 0, tzinfo=UTC)):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
def test_a_busy_lock_names_its_task_holder_and_start_time(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError) as refusal, hold(tmp_path, "day", what="make crafts for today", at=NOW):
            pytest.fail("two hold the same lock")
        assert "already at it: to make the day (process" in refusal.value.message
        assert f"process {process.pid}, since 2026-11-20T09:00:00+00:00" in refusal.value.message
        with hold(tmp_path, "another", what="something else", at=NOW):
            pass
        process.kill()
        process.wait()
    with hold(tmp_path, "day", what="make the day", at=NOW):
        pass  # a process that was killed holds nothing


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), hold(tmp_path, "day", what="work", at=NOW):
        raise KeyError
    with hold(tmp_path, "day", what="work", at=NOW):
        pass


def test_a_second_hold_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with (
        hold(tmp_path, "day", what="work", at=NOW),
        pytest.raises(BusyError),
        hold(tmp_path, "day", what="work", at=NOW),
    ):
        pass


@pytest.mark.parametrize("holder", ["", "{}", "[]", "no json", None])
def test_an_unreadable_note_of_the_holder_only_costs_the_name(holder: str | None, tmp_path: Path) -> None:
    with hold(tmp_path, "day", what="work", at=NOW):
        note = tmp_path / "day.holder.json"
        note.unlink() if holder is None else note.write_text(holder)
        with (
            pytest.raises(BusyError, match="Another process is already at it: to work"),
            hold(tmp_path, "day", what="work", at=NOW),
        ):
            pass


@pytest.mark.slow
def test_one_that_waits_goes_on_when_the_other_is_done(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS.replace("sleep(60)", "sleep(0.2)"), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with hold(tmp_path, "day", what="make the day", at=NOW, wait_s=300):
            assert process.wait(timeout=300) == 0
