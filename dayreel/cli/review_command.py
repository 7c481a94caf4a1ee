"""`dayreel review`: what waits for a decision, and the decision itself. Never imports Dagster."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.services.decide import Verdict, decide
from dayreel.services.status import status_of
from dayreel.services.studio import open_studio, person
from dayreel.settings import load_settings
from dayreel.stores.catalog.engine import open_catalog

_BY = click.option("--by", metavar="NAME", help="who decides; default is you")
_NOTE = click.option("--note", metavar="TEXT", help="why")
_REVISION = click.option("--revision", type=int, help="the revision you saw; a newer one is then refused")


@click.group("review")
def command() -> None:
    """Decide about final videos. A decision is durable before this says so."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def list_waiting(as_json: bool) -> None:
    """List what waits for a decision."""
    with open_catalog(load_settings().catalog) as catalog:
        told = status_of(catalog, states=("review_pending",))
    if as_json:
        print_json(told)
    elif not told:
        click.echo("Nothing waits for a decision.")
    else:
        print_table(
            ("content", "revision", "until", "video", "caption"),
            [
                (
                    one["content_id"],
                    one["revision"],
                    one["review"]["deadline_at"],
                    f"content/{one['final_video']}",
                    one["caption"],
                )
                for one in told
            ],
        )


@command.command("approve")
@click.argument("content_id")
@_BY
@_NOTE
@_REVISION
def approve(content_id: str, by: str | None, note: str | None, revision: int | None) -> None:
    """Approve exactly this video, caption and platform fields."""
    _decide(content_id, "approved", by=by, note=note, revision=revision)
    click.echo(f"The sensors publish it while `dayreel up` runs; or type: dayreel publish {content_id}")


@command.command("reject")
@click.argument("content_id")
@_BY
@_NOTE
@_REVISION
def reject(content_id: str, by: str | None, note: str | None, revision: int | None) -> None:
    """Reject this video."""
    _decide(content_id, "rejected", by=by, note=note, revision=revision)
    click.echo(f"Another take of the same day: dayreel retry {content_id} --new-take")


@command.command("edit")
@click.argument("content_id")
@click.option("--caption", required=True, metavar="TEXT", help="the new caption, without hashtags")
@_BY
@_NOTE
@_REVISION
def edit(content_id: str, caption: str, by: str | None, note: str | None, revision: int | None) -> None:
    """Change the caption; an approval that was given before is void then."""
    _decide(content_id, "edited", by=by, note=note, revision=revision, caption=caption)
    click.echo(f"It waits for approval of the new caption: dayreel review approve {content_id}")


def _decide(
    content_id: str,
    verdict: Verdict,
    *,
    by: str | None,
    note: str | None,
    revision: int | None,
    caption: str | None = None,
) -> None:
    settings = load_settings()
    studio = open_studio(settings)
    try:
        name = by or person(settings)
        row = decide(studio, content_id, verdict, by=name, via="cli", revision=revision, caption=caption, note=note)
    finally:
        studio.catalog.close()
    click.echo(f"{content_id} (revision {row.revision}) is {verdict} by {row.decided_by}; decision {row.id}.")
