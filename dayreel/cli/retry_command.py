"""`dayreel retry`: continue a content that stopped, make one segment again, or make another take of the day."""

import sys

import click

from dayreel.cli.run_command import make_channel_day, show_days
from dayreel.errors import UsageError
from dayreel.queries.review import review_of
from dayreel.queries.rows import ContentRow, get_content
from dayreel.services.making.open_content import open_new_take
from dayreel.services.making.overrides import override_of
from dayreel.services.making.rewrites import due_rewrites
from dayreel.services.project import Project, opened_project
from dayreel.services.upkeep.retry_content import cancel_renders, regenerate_segment, reopen_refused
from dayreel.settings import load_settings


@click.command("retry")
@click.argument("content_id")
@click.option("--new-take", is_flag=True, help="make another video of the same day")
@click.option("--segment", type=int, metavar="N", help="make this segment again; the others stay")
@click.option("--cancel", is_flag=True, help="stop what is being generated, at the service too")
@click.option("--yes", is_flag=True, help="do not ask")
def command(content_id: str, new_take: bool, segment: int | None, cancel: bool, yes: bool) -> int:
    """Go on from where a content stopped; what is done and paid is kept."""
    if sum((new_take, segment is not None, cancel)) > 1:
        raise UsageError("--new-take, --segment and --cancel exclude one another.", next_step="Choose one.")
    settings = load_settings()
    with opened_project(settings) as project:
        if cancel:
            for sentence in cancel_renders(project, content_id) or ["Nothing of it is being generated."]:
                click.echo(sentence)
            return 0
        if not yes and sys.stdin.isatty() and (new_take or segment is not None):
            _ask_first(project, content_id, segment)
        row = _prepared(project, content_id, new_take=new_take, segment=segment)
        channel = project.channels.load(row.channel)
    if row.state in ("approved", "publishing", "posted") and segment is None:
        from dayreel.cli.publish_command import publish_content

        return publish_content(content_id, as_json=False)
    made = make_channel_day(settings, channel, row.day)
    show_days(settings, {row.day}, {row.channel}, as_json=False)
    return 0 if made else 1


def _ask_first(project: Project, content_id: str, segment: int | None) -> None:
    """Name the price, and for a segment the file that one would rather look at, before anything is bought."""
    review = review_of(project, content_id)
    usd = review.take_usd if segment is None else review.segment_usd
    price = "" if usd is None else f" for about ${usd:.2f}"
    if segment is None:
        click.confirm(f"Make another take of {review.row.channel} on {review.row.day}{price}?", abort=True, err=True)
        return
    for clip in review.manifest.segments if review.manifest else ():
        if clip.sequence == segment:
            click.echo(f"It is {project.contents.folder(content_id) / clip.file.path}.", err=True)
    click.confirm(f"Make segment {segment} of {content_id} again{price}?", abort=True, err=True)


def _prepared(project: Project, content_id: str, *, new_take: bool, segment: int | None) -> ContentRow:
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
    if new_take:
        return open_new_take(project, row)
    if segment is not None:
        return regenerate_segment(project, content_id, segment)
    opened = reopen_refused(project, content_id)
    if opened:
        click.echo(f"{opened} refused {'act is' if opened == 1 else 'acts are'} tried again.", err=True)
    if project.contents.exists(content_id):
        manifest = project.contents.manifest(content_id)
        for number, refused in due_rewrites(manifest, override_of(project, content_id, "prompts")).items():
            click.echo(f"Another prompt is asked for segment {number}: {refused.reason}.", err=True)
    return row
