"""`dayreel migrate-v1 data/app.db.json`: clips and settings of the older system."""

from pathlib import Path

import click

from dayreel.cli.output import print_json, print_table
from dayreel.footage.cli.opened import opened_library


@click.command("migrate-v1")
@click.argument("database", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--channel", metavar="NAME", help="write windows, the most posts a day and the zone into its file")
@click.option("--dry-run", is_flag=True, help="only say what would happen")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(database: Path, channel: str | None, dry_run: bool, as_json: bool) -> int:
    """Take over clips and settings of the older system. Its file and its clips stay; safe to repeat."""
    from dayreel.footage.library.migrate_v1 import migrate_v1

    with opened_library() as library:
        outcomes = migrate_v1(library, database, dry_run=dry_run, channel=channel)
    if as_json:
        print_json([vars(outcome) for outcome in outcomes])
    else:
        print_table(("what", "", ""), [(outcome.what, outcome.outcome, outcome.told) for outcome in outcomes])
    return 1 if any(outcome.outcome == "left" and outcome.what.startswith("clip") for outcome in outcomes) else 0
