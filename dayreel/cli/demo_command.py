"""`dayreel demo`: a project of its own with weeks of simulated content, to look around in."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dayreel.cli.output import print_json

if TYPE_CHECKING:
    from dayreel.services.demo.make_demo import Demo


@click.command("demo")
@click.option("--days", type=int, default=60, show_default=True, help="how many days, up to yesterday")
@click.option("--into", type=click.Path(path_type=Path), help="an empty folder; default is var/demo of this project")
@click.option("--dagster/--no-dagster", "reports_to_dagster", default=True, help="also fill Dagster's pages (default)")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(days: int, into: Path | None, reports_to_dagster: bool, as_json: bool) -> None:
    """Make a demo project in the sandbox world: made, reviewed, posted and measured content, simulated throughout."""
    from dayreel.services.demo.make_demo import make_demo
    from dayreel.settings import find_root

    here = find_root()
    root = (into or here / "var" / "demo").absolute()
    started = time.monotonic()
    click.echo(f"Making {days} days of simulated content in {root} ...", err=True)
    with click.progressbar(length=days, file=sys.stderr) as bar:
        demo = make_demo(root, here, days=days, on_day=lambda _day: bar.update(1))
    if reports_to_dagster:
        click.echo("Filling Dagster's pages ...", err=True)
    events = _report_to_dagster(root, demo) if reports_to_dagster else 0
    summary = {
        "root": str(root), "first": demo.first, "last": demo.last, "contents": demo.contents, "posts": demo.posts,
        "mart_files": demo.files, "dagster_events": events, "gaps": demo.gaps,
        "seconds": round(time.monotonic() - started, 1), "simulated": True,
    }  # fmt: skip
    if as_json:
        print_json(summary)
        return
    click.echo(
        f"SIMULATED: {demo.contents} contents and {demo.posts} posts from {demo.first} to {demo.last}, "
        f"in {summary['seconds']} s (preset audited: no first day's refusals).\nLook around:  cd {root}\n"
        '  dayreel sql --query "FROM content_performance'
        '"\n'
        "  dayreel report      dayreel status      dayreel up\nTwenty worked questions: docs/how-to/analytics.md"
    )


def _report_to_dagster(root: Path, demo: "Demo") -> int:
    """Fill the event log of the demo's own Dagster instance, never of another one."""
    from dayreel.cli.launch import report_history
    from dayreel.settings import load_settings

    home = os.environ.get("DAGSTER_HOME")
    if home is not None and not Path(home).absolute().is_relative_to(root):
        click.echo(f"DAGSTER_HOME is {home}, another project's: Dagster's pages stay empty.", err=True)
        return 0
    return report_history(load_settings(root), demo.materialized, demo.measured)
