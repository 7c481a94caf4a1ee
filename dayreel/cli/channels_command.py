"""`dayreel channels`: list and validate the channel files, let one rest, pin an idea. Never imports Dagster."""

import click

from dayreel.cli.output import print_json, print_table
from dayreel.clock import SystemClock, local_day
from dayreel.rules.calendar import check_zones
from dayreel.rules.content_ids import parse_day
from dayreel.rules.markers import spec_hash
from dayreel.services.making.caption_video import font_problem
from dayreel.services.making.own_footage import scene_problem
from dayreel.services.making.plan_days import pause_channel, pin_idea, resume_channel, skip_day, unpin_idea, unskip_day
from dayreel.services.making.templating import copy_packaged
from dayreel.services.project import opened_project
from dayreel.services.setting_up.examine import check_experiments
from dayreel.settings import load_settings
from dayreel.stores.channel_files import ChannelFiles
from dayreel.vendors.registry import names
from dayreel.yaml_documents import Problem


@click.group("channels")
def command() -> None:
    """The channel files in channels/."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def list_all(as_json: bool) -> None:
    """List the channels."""
    files = ChannelFiles(load_settings().channels_dir)
    channels = files.load_all()
    for sentence in files.left_out().values():
        click.echo(sentence, err=True)
    if as_json:
        nowhere = dict.fromkeys(names("platforms"))
        documents = [channel.model_dump(mode="json") for channel in channels.values()]
        print_json([document | {"platforms": nowhere | document["platforms"]} for document in documents])
        return
    print_table(
        ("channel", "title", "ideas", "video", "publishes to"),
        [
            (name, channel.title, channel.ideas.provider, channel.video.provider, ", ".join(channel.platforms.chosen()))
            for name, channel in channels.items()
        ],
    )


@command.command("validate")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def validate(as_json: bool) -> int:
    """Check every file: each problem with its file, line, field and what is allowed."""
    settings = load_settings()
    files = ChannelFiles(settings.channels_dir)
    problems = files.problems() + files.oversights()
    if not problems:
        for channel in files.load_all().values():
            if fonts := font_problem(settings, channel):
                problems.append(Problem(f"{channel.name}.yaml", 1, "captions", fonts))
            if scenes := scene_problem(channel):
                problems.append(Problem(f"{channel.name}.yaml", 1, "video.in_points", scenes))
    if not problems:
        today = local_day(SystemClock().now(), settings.timezone)
        check_zones(files.load_all(), settings.timezone, today)
    if as_json:
        print_json([vars(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        for check in [] if problems else check_experiments(settings, files.load_all()):
            click.echo(f"{check.name}: {check.found}.")
        summary = f"problems: {len(problems)}" if problems else "all fine"
        click.echo(f"Channels: {len(files.names())}, {summary}.")
    return 1 if problems else 0


@command.command("spec")
@click.argument("name")
def spec(name: str) -> None:
    """Print the spec hash that a completion marker of this channel carries (docs/how-to/completion-markers.md)."""
    click.echo(spec_hash(ChannelFiles(load_settings().channels_dir).load(name).segments))


@command.command("templates")
@click.argument("name")
def templates(name: str) -> None:
    """Copy the prompt templates of a channel's content type into channels/templates/, to edit them there."""
    settings = load_settings()
    channel = ChannelFiles(settings.channels_dir).load(name)
    for path, is_new in copy_packaged(settings.channels_dir, channel.content_type).items():
        click.echo(f"{'written' if is_new else 'kept   '}  {path.relative_to(settings.root)}")


@command.command("pause")
@click.argument("name")
@click.option("--until", metavar="YYYY-MM-DD", help="the last day of the pause; default is until you resume it")
@click.option("--note", metavar="TEXT", help="why")
def pause(name: str, until: str | None, note: str | None) -> None:
    """Let a channel rest: nothing of it is begun, bought or posted."""
    with opened_project() as project:
        last = parse_day(until) if until else None
        pause_channel(project, name, until=last, note=note, by=project.actor, via="cli")
    click.echo(f"{name} is paused {f'until {last}' if last else f'until `dayreel channels resume {name}`'}.")


@command.command("resume")
@click.argument("name")
def resume(name: str) -> None:
    """Resume a paused channel; days that passed meanwhile are made by `dayreel backfill`."""
    with opened_project() as project:
        resume_channel(project, name, by=project.actor, via="cli")
    click.echo(f"{name} is resumed.")


@command.command("pin")
@click.argument("name")
@click.argument("day")
@click.option("--idea", metavar="TEXT", help="what the video of that day is about, in one or two sentences")
@click.option("--caption", metavar="TEXT", help="the post's text; left out, it is written around the idea")
@click.option("--remove", is_flag=True, help="take the pinned idea away")
def pin(name: str, day: str, idea: str | None, caption: str | None, remove: bool) -> None:
    """Set the idea of one day (YYYY-MM-DD) instead of having one written."""
    if remove == (idea is not None):
        raise click.UsageError("Give either --idea or --remove.")
    with opened_project() as project:
        on = parse_day(day)
        if idea is None:
            unpin_idea(project, name, on, by=project.actor, via="cli")
            click.echo(f"Removed the idea that was pinned to {name} on {on}.")
        else:
            pin_idea(project, name, on, idea, caption=caption, by=project.actor, via="cli")
            click.echo(f"Pinned to {name} on {on}: {idea.strip()}")


@command.command("skip")
@click.argument("name")
@click.argument("day")
@click.option("--note", metavar="TEXT", help="why")
@click.option("--remove", is_flag=True, help="let the day be made after all")
def skip(name: str, day: str, note: str | None, remove: bool) -> None:
    """Leave one day (YYYY-MM-DD) out: it is not made, by schedule or by a backfill."""
    on = parse_day(day)
    with opened_project() as project:
        if remove:
            unskip_day(project, name, on, by=project.actor, via="cli")
        else:
            skip_day(project, name, on, note=note, by=project.actor, via="cli")
    click.echo(f"{name} may be made on {on} again." if remove else f"{name} skips {on}.")
