"""`dayreel doctor`: what this machine, the project, the catalog and Dagster are like, and what to do about it."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.errors import ConfigurationError
from dayreel.services.examine import Check, check_python, examine
from dayreel.settings import load_settings

_MARKS = {"ok": "ok", "warn": "warning", "fail": "FAILED"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(as_json: bool) -> int:
    """Check everything dayreel needs; exit code 1 when something must be mended first."""
    checks = _look()
    failed = sum(check.verdict == "fail" for check in checks)
    if as_json:
        print_json([vars(check) for check in checks])
        return 1 if failed else 0
    print_table(("check", "", "found"), [(check.name, _MARKS[check.verdict], check.found) for check in checks])
    for check in checks:
        if check.verdict != "ok" and check.next_step:
            click.echo(f"\n{check.name}: {check.next_step}")
    warned = sum(check.verdict == "warn" for check in checks)
    click.echo(f"\n{len(checks)} checks: {failed} failed, {warned} warnings.")
    return 1 if failed else 0


def _look() -> list[Check]:
    try:
        settings = load_settings()
    except ConfigurationError as error:
        return [check_python(), Check("settings", "fail", error.message, error.next_step)]
    from dayreel.cli.launch import examine_dagster

    checks = examine(settings)
    return [*checks, *examine_dagster(settings)]
