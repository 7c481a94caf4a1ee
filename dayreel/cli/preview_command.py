"""`dayreel preview`: a channel's edit as a short film, without buying anything. Never imports Dagster."""

import sys
import webbrowser

import click

from dayreel.cli.output import print_json


@click.command("preview")
@click.argument("channel")
@click.option("--content", "content_id", metavar="ID", help="whose segments to show; default is the newest with all")
@click.option("--open/--no-open", "opens", default=None, help="open the film; default where a person is looking")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document: film, contact_sheet, duration_s, …")
def command(channel: str, content_id: str | None, opens: bool | None, as_json: bool) -> None:
    """Compose a channel's edit from segments it has, or from stand-ins. Costs nothing and changes no content."""
    from dayreel.services.making.preview_video import preview_video
    from dayreel.services.project import opened_project

    with opened_project() as project:
        preview = preview_video(project, project.channels.load(channel), content_id=content_id)
    if as_json:
        print_json({**vars(preview), "film": str(preview.film), "contact_sheet": str(preview.contact_sheet)})
    else:
        loudness = "silent" if preview.loudness_lufs is None else f"{preview.loudness_lufs:.1f} LUFS"
        shows = f"the segments of {preview.material}" if preview.material else "stand-ins: it has no segments yet"
        shows = "own footage, cut for it" if preview.in_points else shows
        click.echo(f"{channel}: {preview.duration_s:g} s, {loudness}; shows {shows}.")
        if preview.music:
            click.echo(f"Music: {preview.music}")
        for in_point in preview.in_points:
            click.echo(f"Segment {in_point}")
        click.echo(f"{preview.film}\n{preview.contact_sheet}")
    if opens if opens is not None else sys.stdout.isatty() and not as_json:
        webbrowser.open(preview.film.as_uri())
