"""`dayreel rebuild`: the catalog from the contents' folders."""

import click

from dayreel.cli.output import print_json
from dayreel.services.project import opened_project
from dayreel.services.upkeep.recover import recover


@click.command("rebuild")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(*, as_json: bool) -> None:
    """Take over what every content's folder knows and the catalog does not: after a loss, everything."""
    with opened_project() as project:
        recovered = recover(project, reason="rebuilt from the contents' folders", force=True)
    assert recovered is not None  # noqa: S101  forced
    if as_json:
        print_json(recovered.document())
    else:
        click.echo("\n".join(recovered.sentences()))
