"""`dayreel migrate-v1 data/app.db.json`: clips and settings of the older system."""

from pathlib import Path

import click

from dayreel.cli.output import print_json, print_table
from dayreel.footage.cli.opened import opened_library


@click.command("migrate-v1")
@click.argument("database", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="only say what would happen")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(database: Path, dry_run: bool, as_json: bool) -> int:
    """Take over clips and settings of the older system. Its file and its clips stay; safe to repeat."""
    from dayreel.footage.library.migrate_v1 import migrate_v1

    with opened_library() as library:
        told = migrate_v1(library, database, dry_run=dry_run)
    if as_json:
        print_json([vars(one) for one in told])
    else:
        print_table(("what", "", ""), [(one.what, one.outcome, one.told) for one in told])
    return 1 if any(one.outcome == "left" and one.what.startswith("clip") for one in told) else 0
