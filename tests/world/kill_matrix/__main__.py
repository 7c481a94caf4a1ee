"""Runs the kill matrix: a few workers, each with its own sandbox world, and one summary. Exit code 1 on anything wrong.

python -m tests.world.kill_matrix --seeds 60 [--from 0] [--only 17] [--workers 2] [--postgres URL] [--planted NAME]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from tests.world.kill_matrix.report import Report
from tests.world.kill_matrix.scenario import Result

PROJECT = Path(__file__).parents[3]
IN_MEMORY = Path("/dev/shm")  # a killed process does not lose what the system has taken, so no disk is needed


@click.command()
@click.option("--seeds", default=60, show_default=True, help="how many seeds")
@click.option("--from", "first", default=0, show_default=True, help="the first seed")
@click.option("--only", type=int, help="just this seed, to look at it again")
@click.option("--workers", default=2, show_default=True)
@click.option("--postgres", metavar="URL", help="a PostgreSQL server to make catalogs on, instead of SQLite")
@click.option("--planted", default="-", help="plant a fault of ours, to see that it is noticed: blind-retry")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="write everything here")
@click.option("--tell-every", default=60.0, show_default=True, help="seconds between two lines of progress")
def main(
    seeds: int,
    first: int,
    only: int | None,
    workers: int,
    postgres: str | None,
    planted: str,
    json_file: Path | None,
    tell_every: float,
) -> None:
    """Kill and disturb the real services, resume them, and count what the outside world got to see."""
    numbers = list(range(first, first + seeds)) if only is None else [only]
    started = time.monotonic()
    room = Path(tempfile.mkdtemp(prefix="dayreel-kills-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    try:
        results, checkpoints = _play(numbers, room, min(workers, len(numbers)), [postgres or "-", planted], tell_every)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    catalog = "postgres" if postgres else "sqlite"
    report = Report(results, checkpoints, time.monotonic() - started, catalog)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2), encoding="utf-8")
    click.echo("\n".join(report.lines()))
    sys.exit(1 if report.wrong or len(results) != len(numbers) else 0)


def _play(
    numbers: list[int], room: Path, workers: int, wishes: list[str], tell_every: float
) -> tuple[list[Result], int]:
    """Deal the seeds out to workers and gather what they tell, one line of JSON each."""
    cache = room / "media"
    cache.mkdir()
    processes = []
    for index in range(workers):
        command = [sys.executable, "-m", "tests.world.kill_matrix.worker", str(room / f"worker{index}"), str(cache)]
        command += [*wishes, ",".join(map(str, numbers[index::workers]))]
        said = (room / f"said{index}").open("wb")
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        processes.append(subprocess.Popen(command, stdout=said, cwd=PROJECT, env=environment))
    told_at = time.monotonic()
    while any(process.poll() is None for process in processes):
        time.sleep(0.05)
        if time.monotonic() - told_at > tell_every:
            told_at = time.monotonic()
            done = sum(len((room / f"said{index}").read_bytes().splitlines()) - 1 for index in range(workers))
            click.echo(f"  {done} of {len(numbers)} seeds", err=True)
    results, checkpoints = [], 0
    for index in range(workers):
        for line in (room / f"said{index}").read_text(encoding="utf-8").splitlines():
            document = json.loads(line)
            if "checkpoints" in document:
                checkpoints = max(checkpoints, document["checkpoints"])
            else:
                results.append(Result(**document))
    return sorted(results, key=lambda one: one.seed), checkpoints


if __name__ == "__main__":
    main()
