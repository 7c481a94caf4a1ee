"""`dayreel report`: the weekly report of every channel, written and opened. Never imports Dagster."""

import sys
import webbrowser

import click

from dayreel.cli.output import print_json


@click.command("report")
@click.option(
    "--week",
    metavar="YYYY-Www",
    help="e.g. 2026-W46, or a day in it; default is the last full week, or this one where everything began in it",
)
@click.option("--channel", "channels", multiple=True, help="only this channel; may be given again")
@click.option("--open/--no-open", "opens", default=None, help="open the pages; default where a person is looking")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document: channel, week, path, text")
def command(week: str | None, channels: tuple[str, ...], opens: bool | None, as_json: bool) -> None:
    """Write the report of a week: one page per channel, and the text for a chat on stdout."""
    from dayreel.services.project import opened_project
    from dayreel.services.reporting.write_report import parse_week, week_to_report, write_reports

    with opened_project() as project:
        monday = parse_week(week) if week else week_to_report(project)
        reports = write_reports(project, monday, channels=list(channels) or None)
    if as_json:
        print_json([{**vars(report), "path": str(report.path)} for report in reports])
    else:
        for report in reports:
            click.echo(f"{report.text}\n{report.path}\n")
    if opens if opens is not None else sys.stdout.isatty() and not as_json:
        for report in reports:
            webbrowser.open(report.path.as_uri())
