"""Runs the kill matrix and prints one summary. Exit code 1 on anything wrong.

python -m tests.world.kill_matrix --seeds 60 [--from 0] [--only 17] [--workers 2] [--postgres URL]
"""

import json
import sys
import time
from pathlib import Path

import click

from tests.world.kill_matrix.play import play


@click.command()
@click.option("--seeds", default=60, show_default=True, help="how many seeds")
@click.option("--from", "first", default=0, show_default=True, help="the first; -10: the short matrix, 1000000: swaps")
@click.option("--only", type=int, help="just this seed, to look at it again")
@click.option("--workers", default=2, show_default=True)
@click.option("--postgres", metavar="URL", help="a PostgreSQL server to make catalogs on, instead of SQLite")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="write everything here")
@click.option("--report-every", default=60.0, show_default=True, help="seconds between two lines of progress")
def main(
    seeds: int,
    first: int,
    only: int | None,
    workers: int,
    postgres: str | None,
    json_file: Path | None,
    report_every: float,
) -> None:
    """Kill and disturb the real services, resume them, and count what the outside world got to see."""
    numbers = list(range(first, first + seeds)) if only is None else [only]
    done, reported_at = 0, time.monotonic()

    def report_one() -> None:
        nonlocal done, reported_at
        done += 1
        if time.monotonic() - reported_at > report_every:
            reported_at = time.monotonic()
            click.echo(f"  {done} of {len(numbers)} seeds", err=True)

    report = play(numbers, workers=workers, postgres=postgres, report_one=report_one)
    if json_file is not None:
        json_file.write_text(json.dumps(report.as_json(), indent=2), encoding="utf-8")
    click.echo("\n".join(report.lines()))
    sys.exit(0 if report.holds else 1)


if __name__ == "__main__":
    main()
