"""`dayreel run`: make the day up to its review, as recorded Dagster runs. Safe to repeat."""

from collections.abc import Iterable, Iterator
from datetime import date

import click

from dayreel.cli.documents import content_document, print_contents
from dayreel.clock import SystemClock, local_day
from dayreel.errors import ConfigurationError, DayreelError, UsageError
from dayreel.queries.contents import status_of
from dayreel.records import opened_records
from dayreel.rules.content_ids import parse_day
from dayreel.schemas.channel import Channel
from dayreel.services.making.open_content import day_scope, why_not_begun
from dayreel.services.project import opened_project, person
from dayreel.services.sandbox_world import ensure_sandbox, preset_of
from dayreel.settings import Settings, load_settings
from dayreel.stores.channel_files import ChannelFiles


@click.command("run")
@click.option("--date", "day", metavar="YYYY-MM-DD", help="default is today in each channel's own zone")
@click.option("--channel", "names", multiple=True, metavar="NAME", help="only this channel; may be given again")
@click.option("--watch", "is_watching", is_flag=True, help="do what becomes due, publishing too, until stopped")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(day: str | None, names: tuple[str, ...], is_watching: bool, as_json: bool) -> int:
    """Make the day of every channel, up to its review; resume what stopped, skip what is done."""
    settings = load_settings()
    if is_watching:
        if day or names or as_json:
            raise UsageError("--watch does the work of every channel as it becomes due.", next_step="Give it alone.")
        from dayreel.cli.run_watch import watch

        return watch(settings)
    wanted = parse_day(day) if day else None
    files = ChannelFiles(settings.channels_dir)
    channels = {name: files.load(name) for name in names} or files.load_all()
    left_out = {} if names else files.left_out()
    for sentence in left_out.values():
        click.echo(f"dayreel: {sentence}", err=True)
    failed = bool(left_out)
    due: list[tuple[Channel, date]] = []
    for channel, its_day, refusal in _days(settings, channels.values(), wanted):
        if refusal is None:
            due.append((channel, its_day))
            continue
        click.echo(f"dayreel: Nothing was made: {refusal}. See channels/{channel.name}.yaml.", err=True)
        failed = failed or bool(names) or wanted is not None
    if due and settings.world == "sandbox":
        url = ensure_sandbox(settings, SystemClock())
        preset = "" if settings.sandbox_url else f", preset {preset_of(url)}"  # another's may be no world of ours
        click.echo(f"The sandbox world is at {url} (simulated{preset}; nothing is real).", err=True)
    for channel, its_day in due:
        failed = not make_channel_day(settings, channel, its_day) or failed
    show_days(settings, {day for _, day in due}, set(channels), as_json=as_json)
    return 1 if failed else 0


def _days(
    settings: Settings, channels: Iterable[Channel], wanted: date | None
) -> Iterator[tuple[Channel, date, str | None]]:
    """Give each channel with the day to make, and why that must not be, or None."""
    with opened_project(settings) as project:
        for channel in channels:
            day = wanted or local_day(project.clock.now(), channel.timezone)
            yield channel, day, why_not_begun(project, channel, day)


def make_channel_day(
    settings: Settings, channel: Channel, day: date, *, who: str | None = None, tags: dict[str, str] | None = None
) -> bool:
    """Make one channel's day; False when it failed, which has then been said.

    Args:
        who: who started it, for the record; left out, the person at the keyboard.
        tags: further tags of the run.
    """
    from dayreel.cli.launch import run_job
    from dayreel.cli.progress import watching

    what = f"make {channel.name} for {day}"
    try:
        _require_keys(settings, channel)
        with (
            opened_project(settings, actor=who) as project,
            project.leases.held(day_scope(channel.name, day), what=what, at=project.clock.now()),
            watching(settings, channel.name, day),
        ):
            ended = run_job(
                settings,
                f"make_day_{channel.name}",
                partition_key=day.isoformat(),
                actor=who or person(settings),
                tags={"channel": channel.name, **(tags or {})},
            )
    except DayreelError as error:
        click.echo(f"dayreel: {error}", err=True)
        return False
    for asset, reason in ended.failures:
        click.echo(f"dayreel: {asset}: {reason}", err=True)
    return ended.success


def _require_keys(settings: Settings, channel: Channel) -> None:
    """Refuse before anything is bought: an idea is of no use when the key for its video is missing."""
    if settings.world != "live":
        return
    from dayreel.services.setting_up.examine import making_vendors, missing_keys

    missing = missing_keys(settings, making_vendors(channel))
    if missing:
        raise ConfigurationError(
            f"Channel {channel.name!r} needs variables that are not set: {', '.join(missing)}; nothing was bought.",
            next_step="Put them into .env (see .env.example), or use the sandbox world, which needs none.",
        )


def show_days(settings: Settings, days: set[date], names: set[str], *, as_json: bool) -> None:
    """Print where the contents of these days and channels stand, with the command to type next."""
    with opened_records(settings) as records:
        statuses = [status_of(records, day=day, channels=sorted(names)) for day in sorted(days)]
    documents = [content_document(content) for status in statuses for content in status.contents]
    print_contents(documents, as_json=as_json)
