"""`dayreel setup`: asks for keys step by step, tests each answer, writes .env. No secret is ever shown."""

import click

from dayreel.clock import SystemClock
from dayreel.schemas.check import Check
from dayreel.services.setting_up.connect_account import connectable
from dayreel.services.setting_up.set_up import (
    Wanted,
    check_answers,
    keep_answers,
    needs_token_key,
    vendors_to_set_up,
    wanted_variables,
)
from dayreel.settings import Settings, load_settings


@click.command("setup")
@click.argument("vendors", nargs=-1, metavar="[VENDOR]...")
def command(vendors: tuple[str, ...]) -> int:
    """Ask for the keys of the vendors that your channels name (or of VENDOR), test them, and write .env.

    Each answer is tried with a free question before it is kept. What you type is not shown.
    """
    settings = load_settings()
    chosen = list(vendors) or vendors_to_set_up(settings)
    wanted = {vendor: wanted_variables(settings, vendor) for vendor in chosen}
    click.echo("Enter keeps or skips. docs/reference/vendors/ says what to create, for each vendor.\n")
    failed = [vendor for vendor in chosen if not _set_up(settings, vendor, wanted[vendor])]
    settings = load_settings()
    if needs_token_key(settings, {}):
        from dayreel.stores.token_vault import new_key

        keep_answers(settings, {"DAYREEL_TOKEN_KEY": new_key()})
        click.echo("Made DAYREEL_TOKEN_KEY: tokens are renewed automatically from now on. Keep a copy of .env.")
    if settings.world != "live" and not failed and click.confirm("Work in the live world from now on?", default=False):
        keep_answers(settings, {"DAYREEL_WORLD": "live"})
    click.echo("`dayreel doctor --live` looks at everything again.")
    return 1 if failed else 0


def _set_up(settings: Settings, vendor: str, wanted: list[Wanted]) -> bool:
    """Ask until the answers work or the person gives up; return whether nothing is left broken."""
    click.echo(f"{vendor}")
    if vendor in connectable():
        click.echo(f"  `dayreel connect {vendor}` asks for the app alone, and does the rest in a browser.")
    while True:
        answers = {variable.name: answer for variable in wanted if (answer := _ask(variable))}
        missing = [
            variable.name
            for variable in wanted
            if variable.is_needed and not variable.is_set and variable.name not in answers
        ]
        if missing:
            click.echo(f"  skipped: {', '.join(missing)} not set\n")
            return True
        if not answers and not any(variable.is_set for variable in wanted):
            click.echo("  nothing to set\n")
            return True
        proven = check_answers(settings, SystemClock(), vendor, answers)
        if _is_kept(settings, proven, answers):
            return proven.verdict != "fail"
        if not click.confirm("  Try again?", default=True):
            click.echo("  nothing was changed\n")
            return False


def _ask(variable: Wanted) -> str:
    notes = [variable.hint, "needed" if variable.is_needed else "optional"]
    notes += ["set already" for _ in range(variable.is_set)]
    notes += ["the environment's value wins over .env" for _ in range(variable.wins_in_environment)]
    answer: str = click.prompt(
        f"  {variable.name} ({'; '.join(note for note in notes if note)})",
        default="",
        show_default=False,
        hide_input=variable.is_secret,
    )
    return answer.strip()


def _is_kept(settings: Settings, proven: Check, answers: dict[str, str]) -> bool:
    click.echo(
        f"  {'works' if proven.verdict == 'ok' else 'does not work'}: {proven.found} {proven.next_step}".rstrip()
    )
    if proven.verdict == "fail" or (
        proven.verdict == "warn" and answers and not click.confirm("  Keep it all the same?", default=False)
    ):
        return False
    if answers:
        keep_answers(settings, answers)
        click.echo(f"  kept {', '.join(answers)} in .env\n")
    return True
