"""Roles done by scripts: what they find, what counts as their outputs, and how they are ended."""

import json
from pathlib import Path

import pytest

from dayreel.clock import SystemClock
from tests.unit.footage.worker.conftest import LEAF, SharedFolder
from tests.waiting import is_running, wait_until

pytestmark = pytest.mark.slow


def script(shared: SharedFolder, lines: str, **plan: object) -> None:
    """Make a script for remux, as somebody has one: plain bash."""
    path = shared.root.parent / "remux.sh"
    path.write_text(f"#!/bin/bash\nset -eu\n{lines}\n")
    path.chmod(0o755)
    shared.plan(remux={"script": [str(path), "an argument"], **plan})


def test_a_script_does_a_job_from_end_to_end(shared: SharedFolder, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a secret")
    script(
        shared,
        f"""env > "{shared.root.parent}/env"
        for input in $INPUT_FILES; do
            {shared.ffmpeg} -v error -i "$input" -c copy "$OUTPUT_DIR/$(basename "${{input%.*}}").mkv"
        done
        mkdir -p "$OUTPUT_DIR/.pipeline"
        touch "$OUTPUT_DIR/.pipeline/remux.done"
        date -Iseconds > "$OUTPUT_DIR/.pipeline/remux.timestamp"
        echo notes > "$OUTPUT_DIR/notes.txt" """,
    )
    spec = shared.submit("remux", shared.put(clip), parameters={"languages": ["eng"]})
    shared.must_end("done")
    folder = shared.root / f"2-remuxed/movies/{LEAF}"
    assert sorted(path.name for path in folder.iterdir()) == [".pipeline", "film.mkv", "notes.txt"]
    # The marker in place is the queue's own, written once everything is there.
    assert (folder / ".pipeline/remux.done").read_text().strip() == f"{spec.job}.1"
    result = shared.find(spec).result
    assert result is not None
    film, notes = result.facts["files"]
    assert all(check["passed"] for check in film["checks"])
    assert notes == {"path": "notes.txt"}
    variables = dict(line.partition("=")[::2] for line in (shared.root.parent / "env").read_text().splitlines())
    assert {"INPUT_DIR", "INPUT_FILES", "OUTPUT_DIR", "PATH", "PARAMETERS"} <= set(variables)
    assert (variables["ITEM_ID"], variables["JOB"], variables["ROLE"]) == (spec.item_id, spec.job, "remux")
    assert json.loads(variables["PARAMETERS"]) == {"languages": ["eng"]}
    assert "ANTHROPIC_API_KEY" not in variables


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('head -c 55 /dev/zero > "$OUTPUT_DIR/film.mkv"', "not the same footage"),
        ('echo "<html>502</html>" > "$OUTPUT_DIR/film.mkv"', "not the same footage"),
        ("true", "made no film"),
        ("echo this is audio only; exit 65", "refused its input and said: this is audio only"),
        ('ln -s /etc/passwd "$OUTPUT_DIR/film.mkv"', "neither a file nor a folder"),
        ('cp "$INPUT_FILES" "$OUTPUT_DIR/film.mp4"; rm "$INPUT_FILES"', "the script has removed its input"),
    ],
)
def test_a_script_that_says_success_without_the_footage_fails(
    shared: SharedFolder, clip: Path, lines: str, words: str
) -> None:
    script(shared, lines)
    shared.submit("remux", shared.put(clip))
    assert words in shared.must_end("failed")
    assert not (shared.root / f"2-remuxed/movies/{LEAF}").exists()
    assert shared.leftovers() == []


def test_a_failing_script_returns_its_job_while_attempts_remain(shared: SharedFolder, clip: Path) -> None:
    script(shared, "echo no network; exit 3")
    spec = shared.submit("remux", shared.put(clip), max_attempts=2, retry_delay_s=0)
    assert "ended with code 3 and said: no network" in shared.must_end("returned")
    assert shared.find(spec).place == "pending"
    shared.must_end("returned")
    assert shared.find(spec).place == "failed"


def test_a_script_past_its_deadline_is_killed_with_its_children(shared: SharedFolder, clip: Path) -> None:
    child = shared.root.parent / "child"

    class HoursLater(SystemClock):
        """Once the script has begun, hours have passed."""

        def monotonic(self) -> float:
            return super().monotonic() + (7200 if child.exists() else 0)

    shared.clock = HoursLater()
    script(shared, f'sleep 600 & echo $! > "{child}.new"; mv "{child}.new" "{child}"; wait', deadline_s=3600)
    shared.submit("remux", shared.put(clip))
    assert "was not done after 3600 s and was ended" in shared.must_end("returned")
    wait_until(lambda: not is_running(int(child.read_text())))


def test_a_script_missing_on_this_machine_returns_the_job(shared: SharedFolder, clip: Path) -> None:
    shared.plan(remux={"script": ["/nowhere/remux.sh"]})
    spec = shared.submit("remux", shared.put(clip))
    assert "is not on this machine" in shared.must_end("returned")
    assert shared.find(spec).place == "pending"
