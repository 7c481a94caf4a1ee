"""The schedules on which a day is made, measured and summed up.

See https://docs.dagster.io/guides/automate/schedules. Each channel is made at its own local time; its partition is its
own local day. A day on which the channel is not made or paused, or which somebody has left out, is skipped with the
reason.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time

import dagster as dg

from dayreel.clock import local_day
from dayreel.rules.calendar import why_not_made
from dayreel.rules.flags import why_nothing_starts
from dayreel.schemas.channel import Channel
from dayreel.services.making.open_content import why_left_out
from dayreel.services.measure_posts import ONLY_DUE, PULL_TIMES
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.project import Project
from dayreel.services.reporting import send_weekly
from dayreel.services.upkeep import morning_message
from dayreel.services.upkeep.chores import MORNING, WEEKLY
from dayreel.settings import Settings
from pipeline_assets.jobs import make_day_job_name, make_day_schedule_name
from pipeline_assets.maintenance_jobs import MAINTENANCE, Chores
from pipeline_assets.prune_logs import PRUNE
from pipeline_assets.steps import TRIGGER_TAG

PRUNE_CRON = "40 4 * * *"


def build_schedules(channels: Sequence[Channel], settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return one making schedule per channel, the daily measurement, the messages, and the pruning of logs."""
    morning = [] if settings.morning_at == morning_message.OFF else [_morning(settings)]
    weekly = [] if settings.weekly_at == send_weekly.OFF else [_weekly(settings)]
    return [*(_make_day(channel) for channel in channels), _measure(settings), *morning, *weekly, _prune(settings)]


def daily_cron(clock_time: str) -> str:
    """Return a clock time (HH:MM) of every day as a cron line."""
    at = time.fromisoformat(clock_time)
    return f"{at.minute} {at.hour} * * *"


def _make_day(channel: Channel) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = _due(context)
        # From the tick's own time: after downtime Dagster evaluates missed ticks late, and each still means the day
        # it was due on.
        day = local_day(now, channel.timezone)
        refusal = why_not_made(channel, day, now)
        if refusal is None:
            with context.resources.project.open(actor="schedule") as project:
                refusal = why_nothing_starts(project.settings) or why_left_out(project, channel, day, now)
        if refusal is not None:
            return dg.SkipReason(refusal)
        return dg.RunRequest(
            # One run for each channel and day, whatever the ticks do when clocks change or the daemon restarts:
            # Dagster starts no second run for a key.
            run_key=f"make:{channel.name}:{day}",
            partition_key=day.isoformat(),
            tags={"channel": channel.name, TRIGGER_TAG: f"schedule {make_day_schedule_name(channel.name)}"},
        )

    return _schedule(
        make_day_schedule_name(channel.name),
        make_day_job_name(channel.name),
        daily_cron(channel.make_at),
        channel.timezone,
        evaluate,
        f"Makes {channel.title} every day at {channel.make_at} in {channel.timezone}.",
        needs={"project"},
    )


def _measure(settings: Settings) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = local_day(_due(context), settings.timezone)
        return dg.RunRequest(
            run_key=f"measure:{_due(context):%Y-%m-%dT%H:%M}",
            partition_key=day.isoformat(),
            tags={TRIGGER_TAG: "schedule measure_schedule", **ONLY_DUE},
        )

    return _schedule(
        "measure_schedule",
        "measure",
        f"{PULL_TIMES[0].minute} {','.join(str(pull.hour) for pull in PULL_TIMES)} * * *",
        settings.timezone,
        evaluate,
        "Takes a snapshot of every post of the last 32 days every day, and later on the same day again of those of "
        "the last 48 hours and of those that could not be read.",
    )


def _morning(settings: Settings) -> dg.ScheduleDefinition:
    return _message(
        "morning_message_schedule",
        MORNING,
        daily_cron(settings.morning_at),
        settings,
        lambda project, day, targets: morning_message.why_not_sent(project, day, targets=targets),
        "Sends the morning's message: how much of what should exist does, what is missing, what waits for a person.",
    )


def _weekly(settings: Settings) -> dg.ScheduleDefinition:
    weekday, clock_time = settings.weekly_at.split()
    return _message(
        "weekly_report_schedule",
        WEEKLY,
        f"{daily_cron(clock_time).removesuffix('*')}{weekday}",
        settings,
        lambda project, _day, targets: send_weekly.why_not_sent(project, targets=targets),
        "Writes the last full week's report and sends its text: what was made, approved, posted, seen and spent, and "
        "whose approvals are below the floor.",
    )


def _message(
    name: str,
    chore: str,
    cron: str,
    settings: Settings,
    why_not_sent: Callable[[Project, date, Sequence[str]], str | None],
    description: str,
) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = local_day(_due(context), settings.timezone)
        with context.resources.project.open(actor="schedule") as project:
            refusal = why_not_sent(project, day, notifier_routes(settings).of("report"))
        if refusal is not None:
            return dg.SkipReason(refusal)
        return dg.RunRequest(
            run_key=f"{chore}:{day}",
            run_config=dg.RunConfig(ops={"run_maintenance": Chores(names=[chore])}),
            tags={TRIGGER_TAG: f"schedule {name}"},
        )

    return _schedule(name, MAINTENANCE, cron, settings.timezone, evaluate, description, needs={"project"})


def _prune(settings: Settings) -> dg.ScheduleDefinition:
    def evaluate(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = local_day(_due(context), settings.timezone)
        return dg.RunRequest(run_key=f"prune:{day}", tags={TRIGGER_TAG: "schedule prune_logs_schedule"})

    return _schedule(
        "prune_logs_schedule",
        PRUNE,
        PRUNE_CRON,
        settings.timezone,
        evaluate,
        "Deletes the logs of steps that ended a month ago, every day; what was made stays known.",
    )


def _due(context: dg.ScheduleEvaluationContext) -> datetime:
    return context.scheduled_execution_time.astimezone(UTC)


def _schedule(
    name: str,
    job_name: str,
    cron: str,
    zone: str,
    evaluate: Callable[[dg.ScheduleEvaluationContext], dg.RunRequest | dg.SkipReason],
    description: str,
    needs: set[str] | None = None,
) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name=name,
        job_name=job_name,
        cron_schedule=cron,
        execution_timezone=zone,
        execution_fn=evaluate,
        required_resource_keys=needs,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
