"""`dayreel backfill`: list the days that are missing or failed with what they cost, ask, and make them."""

import time
from datetime import date
from uuid import uuid4

import click

from dayreel.cli.documents import content_document
from dayreel.cli.output import print_json, print_table
from dayreel.clock import SystemClock
from dayreel.errors import UsageError
from dayreel.queries.contents import ContentStatus, status_of
from dayreel.records import opened_records
from dayreel.rules.content_ids import parse_day
from dayreel.rules.lifecycle import WORKING
from dayreel.services.audit import note_act, note_outcome
from dayreel.services.dagster_instance import ACTOR_TAG
from dayreel.services.dagster_server import DagsterServer, find_server
from dayreel.services.project import opened_project, person
from dayreel.services.sandbox_world import ensure_sandbox
from dayreel.services.upkeep.plan_backfill import BackfillPlan, PlannedDay, plan_backfill
from dayreel.settings import Settings, load_settings
from dayreel.stores.channel_files import ChannelFiles

POLL_S = 2.0


@click.command("backfill")
@click.option("--from", "first", required=True, metavar="YYYY-MM-DD", help="the first day")
@click.option("--to", "last", required=True, metavar="YYYY-MM-DD", help="the last day, itself included")
@click.option("--channel", "names", multiple=True, metavar="NAME", help="only this channel; may be given again")
@click.option("--dry-run", is_flag=True, help="show what would be made and what it would cost; make nothing")
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--json", "as_json", is_flag=True, help="print one JSON document")
def command(first: str, last: str, names: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> int:
    """Make the days that are missing or failed, up to their reviews: one run per channel and day."""
    settings = load_settings()
    plan = _planned(settings, names, parse_day(first), parse_day(last))
    if dry_run or not plan.days:
        _show_plan(plan, as_json=as_json)
        return 0
    if not yes:
        if as_json:
            raise UsageError("Nobody can be asked with --json.", next_step="Give --yes, or --dry-run to look first.")
        _show_plan(plan, as_json=False)
        click.confirm(f"Make {len(plan.days)} days for about ${plan.expected_usd:.2f}?", abort=True, err=True)
    _make(settings, plan)
    return _show_result(settings, plan, as_json=as_json)


def _planned(settings: Settings, names: tuple[str, ...], first: date, last: date) -> BackfillPlan:
    files = ChannelFiles(settings.channels_dir)
    channels = [files.load(name) for name in names] or list(files.load_all().values())
    for sentence in () if names else files.left_out().values():
        click.echo(sentence, err=True)
    with opened_project(settings) as project:
        return plan_backfill(project, channels, first, last)


def _show_plan(plan: BackfillPlan, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "days": [vars(day) for day in plan.days],
                "left_out": [vars(skipped) for skipped in plan.left_out],
                "expected_usd": plan.expected_usd,
                "today_left_usd": plan.today_left_usd,
                "kept_usd": plan.kept_usd,
            }
        )
        return
    if plan.days:
        print_table(
            ("day", "channel", "why", "about"),
            [(day.day, day.channel, day.why, f"${day.expected_usd:.2f}") for day in plan.days],
        )
    _show_left_out(plan)
    kept = f" beside ${plan.kept_usd:.2f} kept for today's videos" if plan.kept_usd else ""
    left = f"the caps leave ${plan.today_left_usd:.2f} today{kept}"
    click.echo(f"{len(plan.days)} days for about ${plan.expected_usd:.2f}; {left}.")


def _show_left_out(plan: BackfillPlan) -> None:
    for skipped in plan.left_out:
        click.echo(f"left out: {skipped.channel} {skipped.day}: {skipped.reason}")


def _make(settings: Settings, plan: BackfillPlan) -> None:
    from dayreel.cli.launch import dagster_home

    if settings.world == "sandbox":
        ensure_sandbox(settings, SystemClock())
    server = find_server(settings, str(dagster_home(settings)))
    if server is None:
        _make_here(settings, plan)
    else:
        _make_there(settings, plan, server)


def _make_here(settings: Settings, plan: BackfillPlan) -> None:
    from dayreel.cli.run_command import make_channel_day

    files = ChannelFiles(settings.channels_dir)
    backfill_id = uuid4().hex[:8]
    who = f"backfill {backfill_id} by {person(settings)}"
    for number, planned in enumerate(plan.days, start=1):
        click.echo(f"[{number}/{len(plan.days)}] {planned.channel} {planned.day} ({planned.why})", err=True)
        make_channel_day(
            settings, files.load(planned.channel), planned.day, who=who, tags={"dayreel/backfill": backfill_id}
        )


def _make_there(settings: Settings, plan: BackfillPlan, server: DagsterServer) -> None:
    who = person(settings)
    started: dict[str, str] = {}
    for channel in sorted({planned.channel for planned in plan.days}):
        days = [planned.day.isoformat() for planned in plan.days if planned.channel == channel]
        started[channel] = _launch(settings, server, channel, days, who)
        click.echo(f"{channel}: {len(days)} days, {server.link}/runs/b/{started[channel]}", err=True)
    click.echo("Ctrl-C stops watching; the runs continue.", err=True)
    shown = ""
    reported: set[str] = set()
    while True:
        states = {channel: server.status(backfill_id) for channel, backfill_id in started.items()}
        now = "; ".join(
            f"{channel}: "
            + (", ".join(f"{count} {state.lower()}" for state, count in sorted(status.runs.items())) or "queued")
            for channel, status in states.items()
        )
        if now != shown:
            click.echo(now, err=True)
            shown = now
        for channel, status in states.items():
            if status.is_over and status.error and channel not in reported:
                reported.add(channel)
                click.echo(f"dayreel: {channel}: {status.error}", err=True)
        if all(status.is_over for status in states.values()):
            return
        time.sleep(POLL_S)


def _launch(settings: Settings, server: DagsterServer, channel: str, days: list[str], who: str) -> str:
    """Start a channel's days in Dagster, with a line in the record of acts as for whoever does so at the desk."""
    job, title = f"make_day_{channel}", f"{channel}: {len(days)} days, by {who}"
    with opened_project(settings) as project:
        with project.catalog.write() as connection:
            at, target = project.clock.now(), f"launchPartitionBackfill {job}"
            number = note_act(connection, "dagster", target, actor=who, at=at, via="cli", detail={"days": days})
        outcome = "no answer, so it may have happened"
        try:
            tags = {"channel": channel, ACTOR_TAG: f"backfill by {who}"}
            backfill_id = server.launch(job, days, title=title, tags=tags)
            outcome = f"backfill {backfill_id}"
        finally:
            with project.catalog.write() as connection:
                note_outcome(connection, number, outcome)
    return backfill_id


def _show_result(settings: Settings, plan: BackfillPlan, *, as_json: bool) -> int:
    wanted = {(day.channel, day.day) for day in plan.days}
    with opened_records(settings) as records:
        status = status_of(records, channels=sorted({channel for channel, _ in wanted}))
    # Takes of a day come in order, so its last is the one that stays.
    newest = {(content.row.channel, content.row.day): content for content in status.contents}
    there = [newest[key] for key in sorted(wanted) if key in newest]
    made = [content for content in there if content.row.state not in (*WORKING, "failed")]
    if as_json:
        print_json([content_document(content) for content in there])
    else:
        for planned in plan.days:
            click.echo(_outcome(planned, newest.get((planned.channel, planned.day))))
        _show_left_out(plan)
        click.echo(f"{len(made)} of {len(wanted)} days are made; each waits for its review.")
    return 0 if len(made) == len(wanted) else 1


def _outcome(planned: PlannedDay, content: ContentStatus | None) -> str:
    """Return what a day of the backfill has come to, and what to do about it."""
    if content is None:
        again = f"dayreel run --date {planned.day} --channel {planned.channel}"
        return f"{planned.channel} {planned.day}: not begun. Its run says why in Dagster; `{again}` tries again here."
    error = f" {content.row.error}" if content.row.state == "failed" and content.row.error else ""
    step = f" `{content.next_step}`" if content.next_step else ""
    return f"{content.row.id}: {content.standing}, ${content.cost_usd:.2f}.{error}{step}"
