"""`dayreel backup`: one file with everything the catalog knows, while dayreel runs."""

from pathlib import Path

import click

from dayreel.cli.output import print_json
from dayreel.services.project import opened_project
from dayreel.services.upkeep.backups import make_backup


@click.command("backup")
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(to: Path, *, as_json: bool) -> None:
    """Write a backup of the catalog to the new file TO, or into the folder TO under a name with the time."""
    with opened_project() as project:
        made = make_backup(project, to)
    if as_json:
        print_json(vars(made))
    else:
        click.echo(f"{made.contents} contents, {made.size_bytes / 1e6:.1f} MB: {made.path}")
