"""`dayreel run`: make the day up to its review, as recorded Dagster runs. Safe to repeat."""

from datetime import date

import click

from dayreel.cli.output import print_json, print_table
from dayreel.clock import SystemClock, local_day
from dayreel.errors import BusyError, DayreelError
from dayreel.rules.calendar import why_not_made
from dayreel.rules.content_ids import parse_day
from dayreel.schemas.channel import Channel
from dayreel.services.sandbox_world import ensure_sandbox
from dayreel.services.status import status_of
from dayreel.services.studio import person
from dayreel.settings import Settings, load_settings
from dayreel.stores.catalog.engine import open_catalog
from dayreel.stores.channel_files import ChannelFiles
from dayreel.stores.locks import hold


@click.command("run")
@click.option("--date", "day", metavar="YYYY-MM-DD", help="default is today in each channel's own zone")
@click.option("--channel", "names", multiple=True, metavar="NAME", help="only this channel; may be given again")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(day: str | None, names: tuple[str, ...], as_json: bool) -> int:
    """Make the day of every channel, up to its review; resume what stopped, skip what is done."""
    settings = load_settings()
    wanted = parse_day(day) if day else None
    files = ChannelFiles(settings.channels_dir)
    channels = {name: files.load(name) for name in names} or files.load_all()
    if settings.world == "sandbox":
        click.echo(
            f"The sandbox world is at {ensure_sandbox(settings, SystemClock())} (simulated, nothing is real).", err=True
        )
    failed = False
    days: set[date] = set()
    for channel in channels.values():
        its_day = wanted or local_day(SystemClock().now(), channel.timezone)
        refusal = why_not_made(channel, its_day, SystemClock().now())
        if refusal is not None:
            click.echo(f"dayreel: {refusal}.", err=True)
            failed = failed or bool(names) or wanted is not None
            continue
        days.add(its_day)
        failed = not make_channel_day(settings, channel, its_day) or failed
    _show(settings, days, set(channels), as_json=as_json)
    return 1 if failed else 0


def make_channel_day(settings: Settings, channel: Channel, day: date) -> bool:
    """Make one channel's day; False when it failed, which has then been said."""
    from dayreel.cli.launch import run_job
    from dayreel.cli.progress import watching

    what = f"make {channel.name} for {day}"
    try:
        with (
            hold(settings.var_dir / "locks", f"run-{channel.name}-{day}", what=what, at=SystemClock().now()),
            watching(settings, channel.name, day),
        ):
            ended = run_job(
                settings,
                f"make_day_{channel.name}",
                partition_key=day.isoformat(),
                actor=person(settings),
                tags={"channel": channel.name},
            )
    except BusyError as busy:
        click.echo(f"dayreel: {busy}", err=True)
        return False
    except DayreelError as error:
        click.echo(f"dayreel: {error}", err=True)
        return False
    for asset, said in ended.failures:
        click.echo(f"dayreel: {asset}: {said}", err=True)
    return ended.success


def _show(settings: Settings, days: set[date], names: set[str], *, as_json: bool) -> None:
    with open_catalog(settings.catalog) as catalog:
        told = [one for day in sorted(days) for one in status_of(catalog, day=day, channels=sorted(names))]
    if as_json:
        print_json(told)
        return
    print_table(
        ("content", "state", "cost", "video", "next"),
        [
            (
                one["content_id"],
                one["state"],
                f"${one['cost_usd']}",
                f"content/{one['final_video']}" if one["final_video"] else "",
                one["next"],
            )
            for one in told
        ],
    )
