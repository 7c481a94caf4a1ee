"""`dayreel status`: where every content stands. Never imports Dagster, and starts nothing."""

from datetime import datetime

import click

from dayreel.cli.documents import content_document, no_content_document
from dayreel.cli.output import print_json, print_table
from dayreel.queries.contents import PostStatus, Status, status_of
from dayreel.records import opened_records
from dayreel.rules.content_ids import parse_day

SHOWN = 20
_TWO_DAYS_H = 48
_NOTHING_YET = "Nothing was made yet. `dayreel run` makes today's videos."


@click.command("status")
@click.option("--date", "day", metavar="YYYY-MM-DD", help="only this day")
@click.option("--all", "everything", is_flag=True, help=f"every day; else the newest {SHOWN}")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(day: str | None, everything: bool, as_json: bool) -> None:
    """Show each content's state, cost, review and posts, and the command to type next."""
    wanted = parse_day(day) if day else None
    with opened_records() as records:
        status = status_of(records, day=wanted, limit=None if everything or wanted else SHOWN)
        now = records.clock.now()
    about_none = status.unknown.of(None)
    if as_json:
        documents = [content_document(content) for content in status.contents]
        print_json([*documents, no_content_document(about_none)] if about_none else documents)
        return
    if status.contents:
        _print_contents(status, now)
    else:
        nothing = f"Nothing was made for {wanted}. `dayreel status --all` lists every day." if wanted else _NOTHING_YET
        click.echo(nothing)
    _print_unknown(status)


def _print_contents(status: Status, now: datetime) -> None:
    print_table(
        ("content", "state", "cost", "video", "posts", "next"),
        [
            (
                content.row.id,
                content.standing,
                f"${content.cost_usd:.4f}",
                f"content/{content.row.final_video_path}" if content.row.final_video_path else "",
                ", ".join(_post(post, now) for post in content.posts),
                content.next_step,
            )
            for content in status.contents
        ],
    )
    for content in status.contents:
        if content.row.error and content.row.state == "failed":
            click.echo(f"\n{content.row.id} failed: {content.row.error}")
        for post in content.failed_posts:
            click.echo(f"\n{content.row.id} is not out on {post.platform}: {post.error}")


def _print_unknown(status: Status) -> None:
    """Print the unknown outcomes of what is shown and of no content, and how many more there are."""
    shown = {content.row.id for content in status.contents} | {None}
    told = [outcome for outcome in status.unknown.here if outcome.content_id in shown]
    for outcome in told:
        click.echo(
            f"\n{outcome.about}: the outcome of effect {outcome.effect_id} ({outcome.kind} {outcome.sequence} at "
            f"{outcome.target}) is not known: {outcome.evidence}\n"
            f"`dayreel reconcile` looks; if that does not settle it: {outcome.next_step}"
        )
    more = len(status.unknown.here) - len(told)
    if more:
        click.echo(f"\n{more} more unknown outcomes on other days: `dayreel status --all` shows them.")
    if status.unknown.elsewhere:
        click.echo(f"\n{status.unknown.elsewhere} unknown outcomes in the {status.unknown.other_world} world.")


def _post(post: PostStatus, now: datetime) -> str:
    """Return one post in words; what is not over yet with its age."""
    words = f"{post.platform} {post.state}" + (" (public id pending)" if post.is_unnamed else "")
    if post.since is None:
        return words
    hours = (now - post.since).total_seconds() / 3600
    return f"{words} for {hours / 24:.0f} d" if hours >= _TWO_DAYS_H else f"{words} for {max(hours, 0):.1f} h"
