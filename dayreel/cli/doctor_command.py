"""`dayreel doctor`: what this machine, the project, the catalog and Dagster are like, and what to do about it."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.errors import ConfigurationError, DayreelError
from dayreel.schemas.check import Check
from dayreel.services.setting_up.examine import check_python, examine
from dayreel.settings import Settings, load_settings

_MARKS = {"ok": "ok", "warn": "warning", "fail": "FAILED"}


@click.command("doctor")
@click.option("--live", is_flag=True, help="also ask every vendor in use one free question: does the key work?")
@click.option(
    "--first-day",
    is_flag=True,
    help="as --live; also rehearse each channel's posts as far as nothing is posted, and list what no question shows",
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(live: bool, first_day: bool, as_json: bool) -> int:
    """Check everything dayreel needs; exit code 1 when something must be fixed first."""
    checks = _look(live=live or first_day, first_day=first_day)
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


def _look(*, live: bool, first_day: bool) -> list[Check]:
    try:
        settings = load_settings()
    except ConfigurationError as error:
        return [check_python(), Check("settings", "fail", error.message, error.next_step)]
    from dayreel.cli.launch import examine_dagster

    checks = examine(settings)
    return [*checks, *examine_dagster(settings), *(_ask_vendors(settings, first_day=first_day) if live else [])]


def _ask_vendors(settings: Settings, *, first_day: bool) -> list[Check]:
    from dayreel.services.setting_up.prove_keys import prove_keys, rehearse_first_day

    try:
        return [*prove_keys(settings), *(rehearse_first_day(settings) if first_day else [])]
    except DayreelError as error:
        return [Check("live", "fail", error.message, error.next_step)]
