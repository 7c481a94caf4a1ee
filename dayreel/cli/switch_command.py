"""`dayreel switch off|on`: the kill switch, effective at the next send, whoever holds the work."""

import click

from dayreel.queries.config import switch_sentence
from dayreel.services.project import opened_project
from dayreel.services.turn_switch import turn_switch


@click.command("switch")
@click.argument("position", type=click.Choice(["off", "on"]))
@click.option("--note", metavar="TEXT", help="why")
def command(position: str, note: str | None) -> None:
    """Stop (off) or allow (on) every purchase and every post."""
    with opened_project() as project:
        value = turn_switch(project, position, by=project.actor, via="cli", note=note)
    click.echo(switch_sentence(value))
