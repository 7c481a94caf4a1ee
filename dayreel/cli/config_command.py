"""`dayreel config`: settings that change while dayreel runs. Never imports Dagster."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.queries.config import Value, key_named, keys, read_config
from dayreel.services.configure import write_config
from dayreel.services.project import opened_project
from dayreel.settings import load_settings
from dayreel.stores.catalog.engine import open_catalog


@click.group("config")
def command() -> None:
    """Read and change caps, the kill switch, and which accounts post for real."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def list_all(as_json: bool) -> None:
    """List every setting, its value, and where that comes from."""
    with open_catalog(load_settings().catalog) as catalog, catalog.read() as connection:
        values = [read_config(connection, name) for name in keys()]
    if as_json:
        print_json([_document(value) for value in values])
        return
    print_table(
        ("setting", "value", "from", "what it is"),
        [(value.key.name, value.value, _origin(value), value.key.description) for value in values],
    )


@command.command("get")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def get(name: str, as_json: bool) -> None:
    """Print one setting."""
    key_named(name)
    with open_catalog(load_settings().catalog) as catalog, catalog.read() as connection:
        value = read_config(connection, name)
    if as_json:
        print_json(_document(value))
    else:
        click.echo(value.value)


@command.command("set")
@click.argument("name")
@click.argument("value")
@click.option("--note", metavar="TEXT", help="why")
def set_value(name: str, value: str, note: str | None) -> None:
    """Change one setting, for every process at once."""
    with opened_project() as project, project.catalog.write("money") as connection:
        now = project.clock.now()
        changed = write_config(connection, name, value, by=project.actor, at=now, note=note)
    click.echo(f"{name} is {changed.value} now.")
    if changed.origin == "environment":
        click.echo(f"But {changed.key.variable} in the environment wins over what was set.", err=True)


def _origin(value: Value) -> str:
    if value.origin == "environment":
        return value.key.variable
    return f"{value.updated_by}, {value.updated_at:%Y-%m-%d %H:%M}" if value.updated_at else value.origin


def _document(value: Value) -> dict[str, object]:
    return {
        "name": value.key.name,
        "value": value.value,
        "origin": value.origin,
        "default": value.key.default,
        "description": value.key.description,
        "updated_by": value.updated_by,
        "updated_at": value.updated_at.isoformat() if value.updated_at else None,
        "note": value.note,
    }
