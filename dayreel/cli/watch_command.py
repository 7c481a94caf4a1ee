"""`dayreel watch`: report what should exist and does not, from outside Dagster, whose daemon may be dead.

It does none of the work; the loop that does is `dayreel run --watch`, in `run_watch`.
"""

from datetime import datetime

import click

from dayreel.cli.output import print_json
from dayreel.cli.signals import until_notified
from dayreel.errors import DayreelError
from dayreel.services.notify_people import notifier_name
from dayreel.services.project import opened_project
from dayreel.services.upkeep.report_silences import LOOK_EVERY, WatchReport, report_silences
from dayreel.settings import Settings, load_settings


@click.command("watch")
@click.option("--once", is_flag=True, help="look once and end: 0 when nothing is silent, 1 when something is; for cron")
@click.option("--json", "as_json", is_flag=True, help="with --once: print one JSON document")
def command(once: bool, as_json: bool) -> int:
    """Compare what should exist with what does, every five minutes; report each silence once, and when it is over."""
    if as_json and not once:
        raise click.UsageError("--json is for --once.")
    settings = load_settings()
    if not once:
        return _watch(settings)
    report = _look(settings)
    if as_json:
        print_json({"silent": [vars(row) for row in report.silent], "resolved": [vars(row) for row in report.resolved]})
    else:
        for row in report.silent:
            click.echo(f"{_since(row.seen_at)}  {row.text} {row.next_step}")
        for sentence in report.sentences:
            click.echo(sentence, err=True)
        click.echo(f"Silent: {len(report.silent)}." if report.silent else "Everything that should exist does.")
    return 1 if report.silent else 0


def _watch(settings: Settings) -> int:
    with until_notified() as stop:
        click.echo("Watching what should exist. Ctrl-C stops.", err=True)
        # The first look comes after a while: what starts together with this is not missing yet.
        while not stop.wait(LOOK_EVERY.total_seconds()):
            _look_and_print(settings)
    return 0


def _look_and_print(settings: Settings) -> None:
    try:
        for sentence in _look(settings).sentences:
            click.echo(sentence, err=True)
    except DayreelError as error:  # the catalog may be away for a while, and looking has to go on
        click.echo(f"dayreel: {error}", err=True)


def _look(settings: Settings) -> WatchReport:
    from dayreel.cli.launch import read_scheduler_health

    with opened_project(settings, actor="watch") as project:
        health = read_scheduler_health(settings, project.channels.names(), project.clock.now())
        notifier = project.connect(notifier_name(settings))
        return report_silences(project, health, notifier=notifier)


def _since(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
