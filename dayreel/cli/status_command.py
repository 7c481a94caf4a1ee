"""`dayreel status`: where every content stands. Never imports Dagster, and starts nothing."""

from datetime import date, datetime

import click

from dayreel.cli.documents import content_document, no_content_document
from dayreel.cli.output import print_json, print_paged
from dayreel.queries.alarms import left_out_channels
from dayreel.queries.contents import ContentStatus, PostStatus, Status, status_of, urgent_first
from dayreel.queries.holds import holds
from dayreel.queries.silences import silences_of
from dayreel.records import Records, opened_records
from dayreel.rules.content_ids import parse_day
from dayreel.rules.flags import flag_notices

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
        folder = records.settings.shown_content_dir
        now, held = (
            records.clock.now(),
            [
                *flag_notices(records.settings),
                *holds(records).sentences(),
                *left_out_channels(records),
            ],
        )
        without_content = status.unknown.of(None)
        if as_json:
            for sentence in held:
                click.echo(sentence, err=True)
            documents = [content_document(content) for content in status.contents]
            print_json([*documents, no_content_document(without_content)] if without_content else documents)
            return
        days = _day_lines(records, wanted)
        silent = [f"{silence.text} {silence.next_step}" for silence in silences_of(records)]
    nothing = f"Nothing was made for {wanted}. `dayreel status --all` lists every day." if wanted else _NOTHING_YET
    lines = [line for content in urgent_first(status.contents) for line in _content_lines(content, now, folder)] or [
        nothing
    ]
    print_paged([*held, *silent, *days, *lines, *_unknown_lines(status)])


def _day_lines(records: Records, wanted: date | None) -> list[str]:
    """Return what is due or missed; reading channel files is left to whoever reads it, as JSON has no line of it."""
    from dayreel.queries.expectations import open_days

    with records.catalog.read() as connection:
        days = [day for day in open_days(records, connection) if wanted in (None, day.day)]
    return [
        line
        for day in days
        for line in (
            f"{day.channel}  {day.day}  {day.standing}: nothing is made of it",
            f"  `dayreel run --channel {day.channel} --date {day.day}`",
            f"  or `dayreel channels skip {day.channel} {day.day}`",
        )
    ]


def _content_lines(content: ContentStatus, now: datetime, folder: str) -> list[str]:
    """Return one content in lines of at most 80 columns, its id in one piece; longer are only errors and posts."""
    posts = ", ".join(_post(post, now) for post in content.posts)
    lines = [f"{content.row.id}  {content.standing}  ${content.cost_usd:.2f}{f'  {posts}' if posts else ''}"]
    if content.row.error and content.row.state == "failed":
        lines.append(f"  failed: {content.row.error}")
    lines += [f"  not out on {post.platform}: {post.error}" for post in content.failed_posts]
    if content.row.state == "review_pending" and content.row.final_video_path:
        lines.append(f"  {folder}/{content.row.final_video_path}")
    return [*lines, f"  {content.next_step}"] if content.next_step else lines


def _unknown_lines(status: Status) -> list[str]:
    """Return the unknown outcomes of what is shown and of no content, and how many more there are."""
    shown = {content.row.id for content in status.contents} | {None}
    listed = [outcome for outcome in status.unknown.here if outcome.content_id in shown]
    lines = [
        f"\n{outcome.about}: the outcome of effect {outcome.effect_id} ({outcome.kind} {outcome.sequence} at "
        f"{outcome.target}) is not known: {outcome.evidence}\n"
        f"`dayreel reconcile` looks; if that does not settle it: {outcome.next_step}"
        for outcome in listed
    ]
    more = len(status.unknown.here) - len(listed)
    if more:
        lines.append(f"\n{more} more unknown outcomes on other days: `dayreel status --all` shows them.")
    if status.unknown.elsewhere:
        lines.append(f"\n{status.unknown.elsewhere} unknown outcomes in the {status.unknown.other_world} world.")
    return lines


def _post(post: PostStatus, now: datetime) -> str:
    """Return one post in words; what is not over yet with its age."""
    words = f"{post.platform} {post.state}" + (" (public id pending)" if post.is_unnamed else "")
    if post.since is None:
        return words
    hours = (now - post.since).total_seconds() / 3600
    return f"{words} for {hours / 24:.0f} d" if hours >= _TWO_DAYS_H else f"{words} for {max(hours, 0):.1f} h"
