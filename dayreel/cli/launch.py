"""The one door from the command line to Dagster: run a job of the graph in this process, as a real recorded run.

Everything here imports Dagster, which takes most of a second: commands import this module only when they need a run.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dayreel.services.effects import is_alive, this_process
from dayreel.settings import Settings

OWNER_TAG = "dayreel/owner"
ACTOR_TAG = "dayreel/actor"


@dataclass(frozen=True)
class Launched:
    """How a run ended: its id, and for each failed step its asset and what was said."""

    run_id: str
    success: bool
    failures: tuple[tuple[str, str], ...]


def dagster_home(settings: Settings) -> Path:
    """Return DAGSTER_HOME, set for this process and its children when it is not."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(settings.root / "dagster_home")))
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextmanager
def instance_of(settings: Settings) -> Iterator[Any]:
    """Give the Dagster instance of DAGSTER_HOME, quietly."""
    dagster_home(settings)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg  # noqa: TID251  this is the one launcher

        # Dagster tells every event on the console otherwise; what people need is printed by the command.
        logging.getLogger("dagster").setLevel(logging.CRITICAL)
        with dg.DagsterInstance.get() as instance:
            yield instance


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
        ConfigurationError: the channel files cannot be used.
    """
    with instance_of(settings) as instance, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import dagster as dg  # noqa: TID251

        from pipeline_assets.definitions import build_defs

        _end_orphans(instance, dg)
        job = build_defs(settings).resolve_job_def(job_name)
        result = job.execute_in_process(
            instance=instance,
            partition_key=partition_key,
            asset_selection=[dg.AssetKey(list(key)) for key in assets] or None,
            tags={ACTOR_TAG: actor, OWNER_TAG: this_process(), **(tags or {})},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        failures = tuple(
            (str(event.step_key).replace("__", "/"), _said(event))
            for event in result.all_events
            if event.is_step_failure
        )
        return Launched(result.run_id, result.success, failures)


def _said(event: Any) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return str(error.message if error else "it failed and said nothing").strip()


def _end_orphans(instance: Any, dg: Any) -> None:
    """Mark runs of the command line whose process was killed as failed, so that none looks busy for ever."""
    started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(filters=started):
        owner = run.tags.get(OWNER_TAG)
        if owner is not None and owner != this_process() and is_alive(owner) is False:
            instance.report_run_failed(run, "The process that ran it is gone; `dayreel run` goes on where it stopped.")
