"""`dayreel sql`: DuckDB over the marts, for people and for scripts. Never imports Dagster."""

import csv
import sys
from typing import Any

import click

from dayreel.cli.output import print_json, print_table
from dayreel.errors import DayreelError


@click.command("sql")
@click.option("--query", "-q", metavar="SQL", help="run this, print the answer and leave; `-` reads it from stdin")
@click.option(
    "--format",
    "shape",
    type=click.Choice(["csv", "json", "table"]),
    default="csv",
    show_default=True,
    help="how rows are printed",
)
@click.option("--refresh", is_flag=True, help="rebuild the marts of the last eight weeks from the catalog first")
def command(query: str | None, shape: str, refresh: bool) -> None:
    """Ask the marts: one view a mart, see docs/how-to/analytics.md. Without --query it reads from the keyboard."""
    from dayreel.marts.query import opened_marts
    from dayreel.settings import load_settings
    from dayreel.stores.mart_bucket import open_mart_files

    settings = load_settings()
    if refresh:
        _refresh()
    if settings.world == "sandbox":
        click.echo("SIMULATED: this project is in the sandbox world.", err=True)
    with opened_marts(open_mart_files(settings)) as connection:
        if query is not None:
            _print(connection, sys.stdin.read() if query == "-" else query, shape)
        else:
            _converse(connection)


def _refresh() -> None:
    from datetime import timedelta

    from dayreel.clock import local_day
    from dayreel.marts.build import days_to_report, refresh_marts
    from dayreel.services.project import opened_project

    with opened_project() as project:
        today = local_day(project.clock.now(), project.settings.timezone)
        count = refresh_marts(project, days_to_report(project, today - timedelta(days=55), today))
    click.echo(f"{count} files rebuilt.", err=True)


def _print(connection: Any, query: str, shape: str) -> None:
    from dayreel.marts.query import answer

    table = answer(connection, query)
    rows = table.to_pylist()
    if shape == "json":
        print_json(rows)
    elif shape == "table":
        print_table(table.column_names, [list(row.values()) for row in rows])
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows(row.values() for row in rows)


def _converse(connection: Any) -> None:
    """Read queries, each ended by a semicolon, until the end of the input or `.quit`."""
    click.echo("Ends a query with `;`, `.tables` lists the views, `.quit` or Ctrl-D leaves.", err=True)
    waiting = ""
    while True:
        try:
            line = input("    ...> " if waiting else "dayreel> ")
        except (EOFError, KeyboardInterrupt):
            return
        if line.strip() in (".quit", ".exit"):
            return
        waiting += line + "\n"
        if line.strip() == ".tables":
            waiting = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY view_name;"
        if not waiting.rstrip().endswith(";"):
            continue
        try:
            _print(connection, waiting, "table")
        except DayreelError as error:
            click.echo(str(error), err=True)
        waiting = ""
