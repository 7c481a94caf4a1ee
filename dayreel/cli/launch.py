"""The one door from the command line to Dagster: run a job of the graph in this process, look at its instance.

What is called here imports Dagster, which takes most of a second: commands use this module only when they need it.
"""

import logging
import os
import sys
import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dayreel.clock import SystemClock
from dayreel.errors import ConfigurationError, DayreelError, UsageError
from dayreel.processes import is_alive, this_process
from dayreel.queries.expectations import Silence
from dayreel.schemas.check import Check
from dayreel.services.dagster_instance import ACTOR_TAG, OWNER_TAG, prepare_dagster_home
from dayreel.services.notifier_routes import notifier_routes
from dayreel.services.notify_run_failure import FailedRun, notify_run_failure
from dayreel.services.project import Project, opened_project
from dayreel.services.upkeep.report_silences import SchedulerHealth
from dayreel.settings import Settings, load_settings
from dayreel.stores.locks import hold

# The daemon beats every 30 s.
RECENT_HEARTBEAT_S = 120.0
OPENING_WAIT_S = 60.0


@dataclass(frozen=True)
class Launched:
    """How a run ended: its id, and for each failed step its asset and what was said."""

    run_id: str
    success: bool
    failures: tuple[tuple[str, str], ...]


def dagster_home(settings: Settings) -> Path:
    """Return DAGSTER_HOME, absolute; the project's own, for this process and its children too, when it is not set."""
    return prepare_dagster_home(settings)


@contextmanager
def instance_of(settings: Settings) -> Iterator[Any]:
    """Give the Dagster instance of DAGSTER_HOME, quietly.

    Raises:
        BusyError: another process has been opening it for a minute.
        ConfigurationError: it cannot be opened; says what Dagster said.
    """
    home = dagster_home(settings)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg  # noqa: TID251  this is the one launcher
        import yaml
        from dagster._check import CheckError  # noqa: TID251
        from sqlalchemy.exc import SQLAlchemyError

        # Dagster would print every event on the console; the command itself prints what people need.
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        try:
            # A new instance makes its tables as it opens; two processes that do so at once stumble over one another.
            with hold(home, ".opening", what="open Dagster's instance", at=SystemClock().now(), wait_s=OPENING_WAIT_S):
                opened = dg.DagsterInstance.get()
        # What Dagster raises when dagster.yaml is not what it expects, or its database does not answer.
        except (dg.DagsterError, CheckError, yaml.YAMLError, TypeError, SQLAlchemyError, OSError) as error:
            raise ConfigurationError(
                f"Tried to open the Dagster instance in {str(home)!r}; it answered: {_in_a_line(error)}.",
                next_step="Fix its dagster.yaml, or set DAGSTER_HOME to the folder that holds the right one.",
            ) from error
        with opened as instance:
            yield instance


def report_history(
    settings: Settings,
    recorded: Sequence[tuple[tuple[str, ...], str, dict[str, Any]]],
    measured: Sequence[tuple[str, list[str]]] = (),
) -> int:
    """Write what happened without a run into the event log, and return how many events.

    Args:
        recorded: asset path, partition and facts of each materialization, see `pipeline_assets.history`.
        measured: day of each measurement, and what was missing in it.
    """
    from dayreel.stores.mart_bucket import open_mart_files

    with instance_of(settings) as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pipeline_assets.history import events_of

        events = events_of(open_mart_files(settings), recorded, measured)
        for event in events:
            instance.report_runless_asset_event(event)
    return len(events)


def run_job(
    settings: Settings,
    job_name: str,
    *,
    partition_key: str,
    assets: Sequence[Sequence[str]] = (),
    actor: str,
    tags: dict[str, str] | None = None,
) -> Launched:
    """Run a job of the graph for one day in this process and wait for its end.

    Args:
        assets: asset keys to select; empty for all of the job's.
        actor: who started it, for the audit trail.

    Raises:
        ConfigurationError: the channel files or the Dagster instance cannot be used.
        UsageError: the day is not a partition.
        KeyboardInterrupt: somebody stopped it; Dagster makes of that a step that failed, and its caller would go on
            with whatever comes next.
    """
    with instance_of(settings) as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg  # noqa: TID251

        _end_orphans(instance, dg)
        job = _definitions(settings).resolve_job_def(job_name)
        try:
            result = job.execute_in_process(
                instance=instance,
                partition_key=partition_key,
                asset_selection=[dg.AssetKey(list(key)) for key in assets] or None,
                tags={ACTOR_TAG: actor, OWNER_TAG: this_process(), **(tags or {})},
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
        except dg.DagsterUnknownPartitionError as error:
            raise UsageError(
                f"{partition_key} is not a partition: those go from DAYREEL_FIRST_DAY ({settings.first_day}) to today "
                f"in DAYREEL_TIMEZONE ({settings.timezone}).",
                next_step="Nothing was done; for other days change those two in .env.",
            ) from error
        failed = [event for event in result.all_events if event.is_step_failure]
        if any(_was_stopped(event) for event in failed):
            click.echo("What is made and paid is kept; the same command continues from there.", err=True)
            raise KeyboardInterrupt
        failures = tuple((str(event.step_key).replace("__", "/"), _error_text(event)) for event in failed)
    if failures:
        _notify_failure(settings, result.run_id, job_name, (tags or {}).get("channel", ""), partition_key, failures)
    return Launched(result.run_id, result.success, failures)


def examine_dagster(settings: Settings) -> list[Check]:
    """Look whether Dagster's instance opens, whether its daemon runs, and whether the graph can be built."""
    checks = []
    try:
        with instance_of(settings) as instance:
            checks += [_instance(dagster_home(settings)), _heartbeat(instance)]
    except ConfigurationError as error:
        checks.append(Check("dagster instance", "fail", error.message, error.next_step))
    return [*checks, _graph(settings)]


def read_scheduler_health(project: Project) -> SchedulerHealth:
    """Return what Dagster is not doing that it should, from its instance's storage: no daemon has to run."""
    settings, channels = project.settings, project.channels.names()
    try:
        with instance_of(settings) as instance, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sqlalchemy.exc import SQLAlchemyError

            from pipeline_assets.health import read_health

            try:
                return read_health(instance, channels, project.clock.now(), graph=_graph_names(settings))
            except SQLAlchemyError as error:
                raise ConfigurationError(f"Dagster's instance cannot be read: {_in_a_line(error)}.") from error
    except ConfigurationError as error:
        return SchedulerHealth([Silence("dagster instance", error.message, error.next_step)])


def _graph_names(settings: Settings) -> Collection[str] | None:
    """Return which schedules and sensors the graph has; None where it cannot be built."""
    import dagster as dg  # noqa: TID251

    from pipeline_assets.health import names_of

    try:
        return names_of(_definitions(settings).get_repository_def())
    except (ConfigurationError, dg.DagsterError):
        return None


def _instance(home: Path) -> Check:
    if (home / "dagster.yaml").is_file():
        return Check("dagster instance", "ok", str(home))
    step = "Copy the project's dagster_home/dagster.yaml there: without it a killed run looks busy forever."
    return Check("dagster instance", "warn", f"{home} has no dagster.yaml, so Dagster's defaults hold", step)


def _heartbeat(instance: Any) -> Check:
    beats = instance.get_daemon_heartbeats().values()
    age_s = min((time.time() - beat.timestamp for beat in beats), default=None)
    if age_s is None or age_s > RECENT_HEARTBEAT_S:
        status = "never ran here" if age_s is None else f"last seen {age_s / 60:.0f} minutes ago"
        step = "`dayreel up` starts it; without it nothing is automatic: no schedule, no post after an approval."
        return Check("dagster daemon", "warn", status, step)
    errors = [_in_a_line(error.message) for beat in beats for error in beat.errors or ()]
    if errors:
        return Check("dagster daemon", "fail", f"runs, with errors: {'; '.join(errors)}", "See var/logs/daemon.log.")
    return Check("dagster daemon", "ok", f"runs, last seen {age_s:.0f} s ago")


def _graph(settings: Settings) -> Check:
    import dagster as dg  # noqa: TID251

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            keys = _definitions(settings).resolve_all_asset_keys()
    except ConfigurationError as error:
        return Check("graph", "fail", error.message, error.next_step)
    except dg.DagsterError as error:
        problem = f"it cannot be built: {_in_a_line(error)}"
        return Check("graph", "fail", problem, "Run `dagster definitions validate` for the whole error.")
    return Check("graph", "ok", f"{len(keys)} assets")


def _definitions(settings: Settings) -> Any:
    """Return the graph as the channel files are now; building it takes a tenth of a second, and importing builds it."""
    is_first = "pipeline_assets.definitions" not in sys.modules
    from pipeline_assets.definitions import build_defs, defs

    return defs if is_first and settings == load_settings() else build_defs(settings)


def _notify_failure(
    settings: Settings, run_id: str, job: str, channel: str, day: str, failures: Sequence[tuple[str, str]]
) -> None:
    """Notify people as the daemon does of a run that it started; whoever typed the command may be a cron line."""
    failed = FailedRun(run_id, job, channel, day, "; ".join(f"{asset}: {error}" for asset, error in failures))
    try:
        with opened_project(settings, actor=job) as project:
            notifiers = notifier_routes(settings).of("failure")
            sentence = notify_run_failure(project, failed, notifiers=[project.connect(name) for name in notifiers])
            if "was not notified" in sentence:
                click.echo(f"dayreel: {sentence}", err=True)
    except DayreelError as error:
        click.echo(f"dayreel: nobody was notified of the failure: {error}", err=True)


def _in_a_line(text: object, most: int = 400) -> str:
    words = " ".join(str(text).split()).rstrip(".")
    return words if len(words) <= most else f"{words[:most]} ..."


def _was_stopped(event: Any) -> bool:
    error = event.step_failure_data.error
    return error is not None and error.cls_name in ("DagsterExecutionInterruptedError", "KeyboardInterrupt")


def _error_text(event: Any) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message if error else "it failed without a message").strip()


def _end_orphans(instance: Any, dg: Any) -> None:
    """Mark runs of the command line whose process was killed as failed, so that none looks busy forever."""
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(filters=started):
        owner = run.tags.get(OWNER_TAG)
        if owner is not None and owner != this_process() and is_alive(owner) is False:
            instance.report_run_failed(run, "The process that ran it is gone; `dayreel run` continues from there.")
