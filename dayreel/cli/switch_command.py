"""`dayreel switch off|on`: the kill switch, effective at the next send, whoever holds the work."""

import click

from dayreel.queries.config import switch_sentence
from dayreel.services.project import open_project, person
from dayreel.services.turn_switch import turn_switch
from dayreel.settings import load_settings


@click.command("switch")
@click.argument("position", type=click.Choice(["off", "on"]))
@click.option("--note", metavar="TEXT", help="why")
def command(position: str, note: str | None) -> None:
    """Stop (off) or allow (on) every purchase and every post."""
    settings = load_settings()
    project = open_project(settings)
    try:
        value = turn_switch(project, position, by=person(settings), via="cli", note=note)
    finally:
        project.catalog.close()
    click.echo(switch_sentence(value))
