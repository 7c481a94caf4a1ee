"""`dayreel watch`: report what should exist and does not, from outside Dagster, whose daemon may be dead.

It does none of the work; the loop that does is `dayreel run --watch`, in `run_watch`.
"""

from dataclasses import replace
from datetime import datetime

import click

from dayreel.cli.documents import morning_document
from dayreel.cli.launch import read_scheduler_health
from dayreel.cli.output import print_json
from dayreel.cli.signals import until_notified
from dayreel.errors import DayreelError
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.project import opened_project
from dayreel.services.reporting.send_weekly import is_weekly_late, send_weekly
from dayreel.services.upkeep.morning_message import is_morning_late, look_at_morning, send_morning, text_of
from dayreel.services.upkeep.report_silences import LOOK_EVERY, WatchReport, report_silences
from dayreel.settings import Settings, load_settings


@click.command("watch")
@click.option("--once", is_flag=True, help="look once and end: 0 when nothing is silent, 1 when something is; for cron")
@click.option(
    "--morning", is_flag=True, help="print the morning's message as of now and send nothing; 1 unless all is well"
)
@click.option("--json", "as_json", is_flag=True, help="with --once or --morning: print one JSON document")
def command(once: bool, morning: bool, as_json: bool) -> int:
    """Compare what should exist with what does, every five minutes; report each silence once, and when it is over.

    Also sends the morning's message and the weekly report's, where nobody has sent it ten minutes after its time.
    """
    if once and morning:
        raise click.UsageError("--once reports, and --morning only prints: give one of them.")
    if as_json and not (once or morning):
        raise click.UsageError("--json is for --once and --morning.")
    settings = load_settings()
    if morning:
        return _print_morning(settings, as_json=as_json)
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


def _print_morning(settings: Settings, *, as_json: bool) -> int:
    with opened_project(settings, actor="watch") as project:
        morning = look_at_morning(
            project, read_scheduler_health(project), targets=notifier_routes(settings).of("report")
        )
    text = text_of(morning, settings.desk_address)
    if as_json:
        print_json(morning_document(morning, text))
    else:
        click.echo(text)
    return 1 if morning.missing else 0


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
    with opened_project(settings, actor="watch") as project:
        health, targets = read_scheduler_health(project), notifier_routes(settings)
        notifiers = targets.mapped(project.connect)
        report = report_silences(project, health, notifiers=notifiers.of("failure"))
        sent: list[str] = []
        if is_morning_late(project, targets=targets.of("report")):
            sent += send_morning(project, health, notifiers=notifiers.of("report"))
        if is_weekly_late(project, targets=targets.of("report")):
            sent += send_weekly(project, notifiers=notifiers.of("report"))
        return replace(report, sentences=(*report.sentences, *sent))


def _since(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
