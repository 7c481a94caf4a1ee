"""`dayreel tui`: what waits, what runs and what is in doubt, in a terminal. Never imports Dagster."""

import sys

import click

from dayreel.errors import UsageError


@click.command("tui")
def command() -> int:
    """Review, watch and resolve with the keyboard; works over SSH from 80 by 24 on. The last line shows the keys."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "`dayreel tui` needs a terminal, and this is a pipe or a file.",
            next_step="`dayreel status` and `dayreel review list` say the same in text, with --json for programs.",
        )
    from dayreel.services.project import opened_project, person
    from dayreel.settings import load_settings
    from dayreel.tui.app import DayreelTerminal

    settings = load_settings()
    with opened_project(settings) as project:
        app = DayreelTerminal(project, person=person(settings))
        app.run(mouse=False)
    return app.return_code or 0
