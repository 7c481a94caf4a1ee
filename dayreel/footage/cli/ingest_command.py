"""`dayreel ingest FILE…`: take own footage, or a folder of it, into the library, as a movie or a disc of a series."""

from pathlib import Path

import click

from dayreel.cli.output import print_json
from dayreel.errors import UsageError
from dayreel.footage.cli.opened import opened_library


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--movie", metavar="TITLE", help="a movie, an album, or any footage that stands alone; default is the file's name"
)
@click.option("--year", type=click.IntRange(1880, 2100), help="of a movie")
@click.option("--series", metavar="NAME", help="a disc of a series; needs --season and --disc")
@click.option("--season", type=click.IntRange(0, 99), help="of a series")
@click.option("--disc", type=click.IntRange(1, 99), help="of a season")
@click.option(
    "--priority", type=click.IntRange(0, 9), help="of its jobs: 0 goes first, 9 last; default is 5, as of everything"
)
@click.option("--even-if-alike", is_flag=True, help="take it although footage that looks the same is there")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(
    files: tuple[Path, ...],
    movie: str | None,
    year: int | None,
    series: str | None,
    season: int | None,
    disc: int | None,
    priority: int | None,
    even_if_alike: bool,
    as_json: bool,
) -> None:
    """Copy footage into the library, read the copy back, and mark it as ripped. The originals stay.

    A folder is one item, with all the footage in it.
    """
    from dayreel.footage.library.ingest import disc_name, footage_in, ingest, movie_name

    if series is not None:
        if movie is not None or season is None or disc is None:
            raise UsageError(
                "A disc needs --series, --season and --disc, and no --movie.", next_step="Nothing was done."
            )
        name = disc_name(series, season, disc)
    else:
        name = movie_name(movie or (files[0].resolve().name if files[0].is_dir() else files[0].stem), year)
    with opened_library() as library:
        done = ingest(library, name, footage_in(files), even_if_alike=even_if_alike, priority=priority)
    if as_json:
        print_json(
            {
                "item_id": done.item_id,
                "folder": done.folder,
                "files": [file.model_dump() for file in done.files],
                "renamed": dict(done.renamed),
            }
        )
        return
    for file in done.files:
        click.echo(f"{done.folder}/{file.path}  {file.size_bytes} bytes  {file.sha256[:12]}")
        if file.path in done.renamed:
            click.echo(f"    was {done.renamed[file.path]!r}: names are made unique, and such as every share takes")
    click.echo(f"{done.item_id} is ripped. Next: a worker remuxes it (`dayreel library list` shows how far it is).")
