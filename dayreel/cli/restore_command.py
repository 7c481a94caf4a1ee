"""`dayreel restore`: a backup back into the catalog, and after it what stands beside the contents."""

from pathlib import Path

import click

from dayreel.cli.output import print_json
from dayreel.services.project import opened_project
from dayreel.services.upkeep.backups import restore_backup


@click.command("restore")
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="do not ask first")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(source: Path, *, yes: bool, as_json: bool) -> None:
    """Put the backup FROM back. What was sent since is taken from the contents' folders; what nobody knows is held."""
    if not yes:
        click.confirm(f"Replace everything in the catalog by {source}?", abort=True, err=True)
    with opened_project() as project:
        restored = restore_backup(project, source, by=project.actor)
    facts, recovered = restored.facts, restored.recovered
    if as_json:
        print_json({**vars(facts), "before": restored.before, **recovered.document()})
        return
    click.echo(f"Restored {facts.contents} contents, the newest change of {facts.newest_at or 'no time'}.")
    if restored.before is not None:
        click.echo(f"The catalog as it was: {restored.before}")
    click.echo("\n".join(recovered.sentences()))
