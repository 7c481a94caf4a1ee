"""`dayreel switch off|on`: the kill switch, effective at the next send, whoever holds the work."""

import click

from dayreel.services.configure import write_config
from dayreel.services.studio import open_studio, person
from dayreel.settings import load_settings


@click.command("switch")
@click.argument("position", type=click.Choice(["off", "on"]))
@click.option("--note", metavar="TEXT", help="why")
def command(position: str, note: str | None) -> None:
    """Stop (off) or allow (on) every purchase and every post."""
    settings = load_settings()
    studio = open_studio(settings)
    try:
        with studio.catalog.write("money") as connection:
            now = studio.clock.now()
            value = write_config(connection, "switch", position, by=person(settings), at=now, note=note)
    finally:
        studio.catalog.close()
    if value.origin == "environment":
        click.echo(f"The environment's {value.key.variable}={value.value} wins over what was set.", err=True)
    stopped = "Nothing is bought and nothing is posted until `dayreel switch on`."
    click.echo(stopped if value.value == "off" else "Buying and posting is allowed.")
