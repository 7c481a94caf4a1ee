"""What `dayreel run` costs apart from ffmpeg and from waiting for vendors: `python -m bench.run_overhead`.

One channel's day is made in a temporary project against a sandbox world that answers at once. Counted is the CPU time
of the command's own process, against `dagster --version` in the same run: ffmpeg and the sandbox world are processes
of their own. Decoding a finished video for its checks and stills happens in-process (PyAV) and is counted.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from bench.cli import BIN, YARDSTICK, cpu_of, environment

PROJECT = Path(__file__).parents[1]
CHANNEL = "asmr_crafts"
BAR = 4.0
# What is held: Dagster, its graph and two SDKs are near the bar by themselves, see docs/decisions.
HELD = 7.0
QUICK = {
    "fal_queue_s": 0.0,
    "fal_render_s": 0.0,
}
# Runs one command and leaves its own CPU time behind; children (ffmpeg) are not in it.
METER = """
import json, resource, sys
from pathlib import Path
from dayreel.cli import main
try:
    main(sys.argv[2:])
except SystemExit as end:
    used = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    Path(sys.argv[1]).write_text(json.dumps({
        "code": end.code, "cpu_s": used.ru_utime + used.ru_stime, "ffmpeg_s": children.ru_utime + children.ru_stime}))
"""
IMPORTS = {
    "import anthropic": "import anthropic",
    "import openai": "import openai",
    "import fal_client": "import fal_client",
    "import slack_sdk": "import slack_sdk",
    "import dagster": "import dagster",
    "import PIL, numpy, av": "import PIL.Image, numpy, av",
}


@contextlib.contextmanager
def sandbox_world(root: Path) -> Iterator[str]:
    """Run a sandbox world in a process of its own, on a free port, and give its URL."""
    line = [sys.executable, "-m", "dayreel.sandbox", "--root", str(root), "--port", "0", "--preset", "audited"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            requests.post(f"{url}/_world/pace", json=QUICK, timeout=10).raise_for_status()
            yield url
        finally:
            process.terminate()


def make_project(folder: Path, first: str) -> None:
    """Copy what a project needs; its channel is active since `first`."""
    (folder / "channels").mkdir()
    (folder / "dagster_home").mkdir()
    shutil.copy(PROJECT / "workspace.yaml", folder)
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", folder / "dagster_home")
    own = (PROJECT / "channels" / f"{CHANNEL}.yaml").read_text(encoding="utf-8").splitlines()
    lines = [f"active_from: {first}" if line.startswith("active_from:") else line for line in own]
    (folder / "channels" / f"{CHANNEL}.yaml").write_text("\n".join(lines), encoding="utf-8")


def metered(folder: Path, url: str, first: str, day: str) -> dict[str, float]:
    """Make one day; return CPU seconds of the command itself, of ffmpeg, and the wall time."""
    used_path = folder / "used.json"
    command = [sys.executable, "-c", METER, str(used_path), "run", "--channel", CHANNEL, "--date", day]
    begun = time.monotonic()
    env = {**environment(), "DAYREEL_SANDBOX_URL": url, "DAYREEL_FIRST_DAY": first}
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    used: dict[str, float] = json.loads(used_path.read_text(encoding="utf-8"))
    if used["code"] != 0:
        raise SystemExit(f"`dayreel run` failed:\n{done.stderr}")
    return {**used, "wall_s": time.monotonic() - begun}


def measure(rounds: int) -> dict[str, float]:
    """Return CPU seconds: the yardstick, a first day, the cheapest further day, a day that was done, and imports."""
    today = datetime.now(UTC).date()
    first = (today - timedelta(days=rounds + 2)).isoformat()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        folder.mkdir()
        make_project(folder, first)
        with sandbox_world(Path(name) / "world") as url:
            dagster = [cpu_of([str(BIN / "dagster"), "--version"], folder)]
            begun = metered(folder, url, first, today.isoformat())
            days = []
            for number in range(1, rounds + 1):
                days.append(metered(folder, url, first, (today - timedelta(days=number)).isoformat()))
                dagster.append(cpu_of([str(BIN / "dagster"), "--version"], folder))
            again = metered(folder, url, first, today.isoformat())
        costs = {
            what: min(cpu_of([sys.executable, "-c", code], folder) for _ in range(2)) for what, code in IMPORTS.items()
        }
    return {
        YARDSTICK: min(dagster),
        "run, first day of a new project": begun["cpu_s"],
        "run, a day": min(day["cpu_s"] for day in days),
        "run, a day that is done": again["cpu_s"],
        "ffmpeg of a day (not counted)": min(day["ffmpeg_s"] for day in days),
        **costs,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a table, and return 1 when the held ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    costs = measure(options.rounds)
    ratio = costs["run, a day"] / costs[YARDSTICK]
    if options.as_json:
        print(json.dumps({"cpu_s": costs, "ratio": ratio}, indent=2))
    else:
        print(f"| one channel | CPU s | x {YARDSTICK} |\n|---|---|---|")
        for what, seconds in costs.items():
            print(f"| {what} | {seconds:.2f} | {seconds / costs[YARDSTICK]:.2f} |")
        verdict = "met" if ratio <= BAR else "MISSED, see docs/decisions"
        print(f"\na day: {ratio:.2f} x; bar {BAR}: {verdict}; held at {HELD}")
    return 0 if ratio <= HELD else 1


if __name__ == "__main__":
    sys.exit(main())
