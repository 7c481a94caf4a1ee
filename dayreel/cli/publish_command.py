"""`dayreel publish`: publish what was approved, as a recorded Dagster run; or show with --plan what would be sent."""

import click

from dayreel.cli.documents import content_document, words_lines
from dayreel.cli.output import print_json
from dayreel.queries.contents import status_of
from dayreel.queries.review import PlatformWords, words_of
from dayreel.queries.rows import get_content
from dayreel.records import opened_records
from dayreel.rules.captions import UNIT_NAMES
from dayreel.rules.content_ids import parse_content_id
from dayreel.schemas.channel import Channel
from dayreel.services.project import Project, opened_project, person
from dayreel.services.publishing.plan_posts import plan_posts
from dayreel.settings import load_settings
from dayreel.stores.channel_files import ChannelFiles


@click.command("publish")
@click.argument("content_id")
@click.option("--plan", is_flag=True, help="print every gate and the exact requests; sends nothing")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(content_id: str, plan: bool, as_json: bool) -> int:
    """Publish a content to every platform of its channel, through every gate. Safe to repeat."""
    if not plan:
        return publish_content(content_id, as_json=as_json)
    with opened_project() as project:
        channel = project.channels.load(parse_content_id(content_id).channel)
        return _plan(project, channel, content_id, as_json=as_json)


def _plan(project: Project, channel: Channel, content_id: str, *, as_json: bool) -> int:
    plans = plan_posts(project, channel, content_id)
    captions = {shown.platform: shown for shown in words_of(project, content_id)}
    if as_json:
        print_json(
            [
                {
                    "platform": plan.platform,
                    "may_go_out": plan.may_go_out,
                    "posted": plan.posted,
                    "caption": _caption_document(captions[plan.platform]),
                    "gates": [vars(gate) for gate in plan.gates],
                    "calls": [vars(call) for call in plan.calls],
                    "problem": plan.problem,
                }
                for plan in plans
            ]
        )
        return 0
    for plan in plans:
        if plan.posted is not None:
            click.echo(f"\n{plan.platform}: is out already, and is not sent again: {plan.posted}")
            continue
        click.echo(f"\n{plan.platform}: {'would go out' if plan.may_go_out else 'is held back'}")
        for gate in plan.gates:
            click.echo(f"  {'open  ' if gate.is_open else 'CLOSED'}  {gate.name:9} {gate.message}")
        _show_caption(captions[plan.platform])
        if plan.problem:
            click.echo(f"  {plan.problem}")
        for number, call in enumerate(plan.calls, start=1):
            click.echo(f"  {number}. {call.method} {call.url} {call.note}")
            if call.body:
                click.echo(f"     {call.body}")
    click.echo("\nNothing was sent.")
    return 0


def _caption_document(caption: PlatformWords) -> dict[str, object]:
    shown = {name: value for name, value in vars(caption).items() if name not in ("platform", "added", "settings")}
    return {**shown, "dropped_hashtags": list(caption.dropped_hashtags)}


def _show_caption(caption: PlatformWords) -> None:
    click.echo(f"  caption, {caption.size} of {caption.limit} {UNIT_NAMES[caption.unit]}:")
    for line in words_lines(caption):
        click.echo(f"     {line}".rstrip())


def publish_content(content_id: str, *, as_json: bool) -> int:
    """Publish one content as a recorded run, print where it is, and return the exit code."""
    from dayreel.cli.launch import run_job

    settings = load_settings()
    parsed = parse_content_id(content_id)
    channel = ChannelFiles(settings.channels_dir).load(parsed.channel)
    with opened_records(settings) as records:
        with records.catalog.read() as connection:
            get_content(connection, content_id)
        ended = run_job(
            settings,
            "publish",
            partition_key=parsed.day.isoformat(),
            assets=[[channel.name, "reviews"], *([channel.name, "posts", name] for name in channel.platforms.chosen())],
            actor=person(settings),
            tags={"channel": channel.name},
        )
        for asset, error in ended.failures:
            click.echo(f"dayreel: {asset}: {error}", err=True)
        status = status_of(records, day=parsed.day)
    documents = [content_document(content) for content in status.contents if content.row.id == content_id]
    if as_json:
        print_json(documents)
    else:
        for platform, post in documents[0]["posts"].items():
            click.echo(f"{platform:10} {post['state']:11} {post['url'] or post['post_id'] or post.get('error', '')}")
    return 0 if ended.success else 1
