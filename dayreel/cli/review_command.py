"""`dayreel review`: what waits for a decision, and the decision itself. Never imports Dagster."""

from collections.abc import Callable
from typing import Any

import click

from dayreel.cli.documents import check_document, content_document, words_document, words_lines
from dayreel.cli.output import print_json, print_table
from dayreel.errors import StaleState, UsageError
from dayreel.queries.contents import status_of
from dayreel.queries.prices import known_day_cost
from dayreel.queries.review import DecisionVerdict, ReviewSnapshot, review_of, snapshot_for_review
from dayreel.queries.rows import DecisionRow, get_content, newest_verdict
from dayreel.records import opened_records
from dayreel.rules.content_ids import parse_content_id
from dayreel.rules.quality import summary
from dayreel.services.project import Project, opened_project
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.post_settings import parse_settings
from dayreel.services.reviewing.waive import waive_check

_CONTENT = click.argument("content_id")
_BY = click.option("--by", metavar="NAME", help="who decides; default is you")
_NOTE = click.option("--note", metavar="TEXT", help="why")
_OVERRULE = click.option("--overrule", is_flag=True, help="decide against what another person has decided")
_REVISION = click.option("--revision", type=int, help="the revision you saw; a newer one is then refused")
_CAPTION = click.option("--caption", metavar="TEXT", help="the new caption, without hashtags")
_SET = click.option(
    "--set", "typed", multiple=True, metavar="PLATFORM.FIELD=VALUE", help="a field of its post there; may be repeated"
)


@click.group("review")
def command() -> None:
    """Decide about final videos. A decision is durable before this says so."""


def _decision(*options: Callable[[Any], Any]) -> Callable[[Callable[..., None]], click.Command]:
    """Return what makes a function a command about one content, with these options; what is typed is for `_decide`."""

    def decorate(function: Callable[..., None]) -> click.Command:
        for option in reversed((_CONTENT, *options)):
            function = option(function)
        return command.command(function.__name__)(function)

    return decorate


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def list_waiting(as_json: bool) -> None:
    """List what waits for a decision, with its checks and every word that an approval would be for."""
    with opened_records() as records:
        waiting = status_of(records, states=("review_pending",)).contents
        reviews = {content.row.id: review_of(records, content.row.id) for content in waiting}
    if as_json:
        print_json(
            [
                content_document(content)
                | {
                    "platforms": {shown.platform: words_document(shown) for shown in reviews[content.row.id].words},
                    "checks": [check_document(check) for check in reviews[content.row.id].checks],
                }
                for content in waiting
            ]
        )
        return
    if not waiting:
        click.echo("Nothing waits for a decision.")
        return
    print_table(
        ("content", "revision", "until", "video", "caption"),
        [
            (
                content.row.id,
                content.row.revision,
                content_document(content)["review"]["deadline_at"],
                f"content/{content.row.final_video_path}",
                content.row.caption,
            )
            for content in waiting
        ],
    )
    for content_id, review in reviews.items():
        click.echo(f"\n{content_id}: {summary(review.checks)}")
        for check in review.failed_checks:
            click.echo(f"  dayreel review waive {content_id} {check.name} --reason TEXT")
        for shown in review.words:
            click.echo(f"\n{content_id} on {shown.platform} gets")
            for line in words_lines(shown):
                click.echo(f"  {line}".rstrip())
        if review.trouble:
            click.echo(f"\n{content_id}: {review.trouble}")


@_decision(_BY, _NOTE, _REVISION, _OVERRULE)
def approve(content_id: str, **typed: Any) -> None:
    """Approve exactly this video, caption and platform fields."""
    row = _decide(content_id, "approved", **typed)
    if row.verdict == "endorsed":
        click.echo("It takes another person's approval before it goes out (`review.approvals` of the channel).")
    else:
        click.echo(f"The sensors publish it while `dayreel up` runs; or type: dayreel publish {content_id}")


@_decision(_BY, _NOTE, _REVISION, _OVERRULE)
def reject(content_id: str, **typed: Any) -> None:
    """Reject this video."""
    _decide(content_id, "rejected", **typed)
    with opened_records() as records:
        usd = known_day_cost(records, parse_content_id(content_id).channel)
    price = "" if usd is None else f", for about ${usd:.2f}"
    click.echo(f"Another take of the same day{price}: dayreel retry {content_id} --new-take")


@_decision(
    click.argument("check"),
    click.option("--reason", required=True, metavar="TEXT", help="why this failed check does not matter"),
    _BY,
    _REVISION,
)
def waive(content_id: str, check: str, reason: str, by: str | None, revision: int | None) -> None:
    """Let a video be approved although this check failed: for exactly this video, in your name."""
    with opened_project() as project:
        name = by or project.actor
        waived = waive_check(project, content_id, check, by=name, via="cli", reason=reason, revision=revision)
    click.echo(f"{content_id}: {waived.name} is waived by {name}.")
    click.echo(f"It waits for approval: dayreel review approve {content_id}")


@_decision(_CAPTION, _SET, _BY, _NOTE, _REVISION)
def edit(content_id: str, caption: str | None, typed: tuple[str, ...], **others: Any) -> None:
    """Change the caption, or a field of its posts for it alone; an approval that was given before is void then."""
    if caption is None and not typed:
        raise UsageError("Nothing is to be changed.", next_step="Say --caption TEXT, or --set PLATFORM.FIELD=VALUE.")
    _decide(content_id, "edited", caption=caption, settings=parse_settings(typed), **others)
    click.echo(f"It waits for approval as it is now: dayreel review approve {content_id}")


@_decision(_BY, _NOTE, _REVISION)
def hold(content_id: str, **typed: Any) -> None:
    """Keep it from going out and from expiring, until somebody decides again; what is out stays out."""
    _decide(content_id, "held", **typed)
    click.echo(f"It continues: dayreel review approve {content_id}")


@_decision(_BY, _NOTE, _REVISION)
def recall(content_id: str, **typed: Any) -> None:
    """Take an approval or a hold back: it waits for its review again."""
    _decide(content_id, "recalled", **typed)
    click.echo(f"It waits for approval again: dayreel review approve {content_id}")


def _decide(
    content_id: str, verdict: DecisionVerdict, *, by: str | None, overrule: bool = False, **typed: Any
) -> DecisionRow:
    with opened_project() as project:
        name = by or project.actor
        seen = None if overrule or verdict not in ("approved", "rejected") else _seen_open(project, content_id, name)
        row = decide(project, content_id, verdict, by=name, via="cli", seen=seen, **typed)
    click.echo(f"{content_id} (revision {row.revision}) is {row.verdict} by {row.decided_by}; decision {row.id}.")
    return row


def _seen_open(project: Project, content_id: str, name: str) -> ReviewSnapshot:
    """Return what is decided on, which nobody else may have decided already: at a prompt nothing shows that they have.

    Raises:
        StaleState: another person was first; says who and when.
    """
    channel = project.channels.load(parse_content_id(content_id).channel)
    with project.catalog.read() as connection:
        row = get_content(connection, content_id)
        newest = newest_verdict(connection, content_id)
    if (
        newest is not None
        and newest.verdict != "edited"
        and newest.decided_by != name
        and row.state != "review_pending"
    ):
        raise StaleState(
            f"{content_id} is {row.state} already: {newest.decided_by!r} {newest.verdict} it at "
            f"{newest.decided_at.isoformat(timespec='seconds')} (via {newest.via}).",
            next_step="With --overrule you decide against it.",
        )
    return snapshot_for_review(row, channel)
