"""Which variant of a channel's experiment a content tries, how that is written down, and what a comparison will take.

The rules: `rules.experiments`. Results are the mart `experiments/results`; here they are only read, and only where a
channel asks for `allocate: thompson`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from dayreel.clock import local_day
from dayreel.queries.rows import ContentRow
from dayreel.records import Records
from dayreel.rules.experiments import (
    LEAST_HISTORY,
    NOT_ENOUGH,
    POWER,
    TriedContent,
    assign_variant,
    contents_needed,
    days_needed,
    draw_variant,
    is_held_out,
    spread_of,
)
from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import WEEKDAYS, Channel, Experiment
from dayreel.schemas.manifest import Manifest, TrialRecord
from dayreel.services.making.templating import source_of
from dayreel.services.project import Project

_HISTORY_DAYS = 90


@dataclass(frozen=True)
class Trial:
    """One content's variant, and the words it adds to the request."""

    words: str
    record: TrialRecord

    @property
    def inputs(self) -> dict[str, str]:
        """What of it decides about the outcome of a stage."""
        return {"experiment": self.record.experiment, "variant": self.record.variant, "words": self.words}


def trial_of(
    project: Project, channel: Channel, layer: Literal["idea", "prompt"], row: ContentRow, template: str
) -> Trial | None:
    """Return what a content tries in a layer; None where the channel has no experiment there, or the day is held out.

    A content keeps the variant that it was given.

    Args:
        template: name of the template that the request is made of.

    Raises:
        ConfigurationError: the template cannot be read.
        StateError: the manifest is damaged.
    """
    experiment = channel.experiment
    if experiment is None or experiment.layer != layer:
        return None
    edition = edition_of(channel, experiment, source_of(project.settings.channels_dir, channel.content_type, template))
    kept = _kept(project.contents.manifest(row.id), experiment)
    if kept is None and is_held_out(channel.holdout, channel=channel.name, day=row.day):
        return None
    variant, chosen_by = kept or _chosen(project, channel, experiment, row, edition)
    return Trial(
        experiment.variants[variant].strip(),
        TrialRecord(
            experiment=experiment.name,
            variant=variant,
            edition=edition,
            chosen_by=chosen_by,
            detect_percent=experiment.detect_percent,
        ),
    )


def recorded(trial: Trial | None) -> dict[str, Any]:
    """Return the stage's parameters that say which variant was tried."""
    return {} if trial is None else {"experiment": trial.record.experiment, "variant": trial.record.variant}


def write_down(project: Project, content_id: str, trial: Trial | None) -> None:
    """Write an assignment into the manifest before anything is asked for: what fails of a variant counts against it.

    Raises:
        StateError: the manifest is damaged.
    """
    if trial is not None and project.contents.manifest(content_id).trial != trial.record:
        project.contents.update(content_id, trial=trial.record)


def edition_of(channel: Channel, experiment: Experiment, template: str) -> str:
    """Return the hash of everything that the request of both variants is made of: another one is another experiment."""
    source = channel.ideas if experiment.layer == "idea" else channel.prompts
    return fingerprint(
        layer=experiment.layer,
        variants=experiment.variants,
        template=template,
        source=None if source is None else source.model_dump(exclude={"avoid_days", "max_similarity"}),
        topic=channel.topic,
        language=channel.language,
        segments=channel.segments.model_dump(),
        learns=channel.learn_from_results,
    )[:12]


def variant_of(project: Project, content_id: str, experiment: Experiment) -> str | None:
    """Return the variant of this experiment that a content has tried; None where it had none, or its folder is gone.

    Raises:
        StateError: the manifest is damaged.
    """
    if not project.contents.exists(content_id):
        return None
    kept = _kept(project.contents.manifest(content_id), experiment)
    return None if kept is None else kept[0]


def _kept(manifest: Manifest, experiment: Experiment) -> tuple[str, Literal["blocked", "thompson"]] | None:
    name: str | None
    variant: str | None
    chosen_by: Literal["blocked", "thompson"]
    if manifest.trial is not None:
        name, variant, chosen_by = manifest.trial.experiment, manifest.trial.variant, manifest.trial.chosen_by
    else:  # what was assigned before assignments had a record of their own
        stage = manifest.stages.get("ideas" if experiment.layer == "idea" else "prompts")
        parameters = {} if stage is None else stage.parameters
        name, variant, chosen_by = parameters.get("experiment"), parameters.get("variant"), "blocked"
    if variant is None or name != experiment.name or variant not in experiment.variants:
        return None
    return variant, chosen_by


def _chosen(
    project: Project, channel: Channel, experiment: Experiment, row: ContentRow, edition: str
) -> tuple[str, Literal["blocked", "thompson"]]:
    variants = list(experiment.variants)
    if experiment.allocate == "thompson":
        results = _results(project, channel, experiment, edition)
        if results and not any(result["verdict"] == NOT_ENOUGH or result["is_lopsided"] for result in results):
            chances = {(result["variant_a"], result["variant_b"]): result["chance_b"] for result in results}
            verdicts = {result["verdict"] for result in results}
            each_way = {pair for a, b in chances for pair in ((a, b), (b, a))}
            beaten = {loser for winner, loser in each_way if f"{winner} beats {loser}" in verdicts}
            standing = [name for name in variants if name not in beaten] or variants
            seed = f"{channel.name}/{experiment.name}/{row.id}"
            return draw_variant(standing, chances, seed=seed), "thompson"
    weekdays = [WEEKDAYS.index(weekday) for weekday in channel.weekdays]
    variant = assign_variant(variants, channel=channel.name, experiment=experiment.name, day=row.day, weekdays=weekdays)
    return variant, "blocked"


def _results(project: Project, channel: Channel, experiment: Experiment, edition: str) -> list[dict[str, Any]]:
    # Only channels that ask for it pay for importing pyarrow.
    from dayreel.marts.build import mart_files, read_table  # noqa: PLC0415

    asked = (channel.name, experiment.name, edition, project.settings.world == "sandbox")
    rows = read_table(mart_files(project), "experiments/results").to_pylist()
    return [row for row in rows if (row["channel"], row["experiment"], row["edition"], row["simulated"]) == asked]


@dataclass(frozen=True)
class ExperimentPlan:
    """How long an experiment takes, in days and in a sentence."""

    days: int
    words: str


def plan_of(records: Records, channel: Channel) -> ExperimentPlan | None:
    """Return how long the channel's experiment takes; None where it has none.

    It is worked out from how much the channel's contents of the last ninety days differ from each other.

    Raises:
        StoreError: the marts cannot be read.
    """
    experiment = channel.experiment
    if experiment is None:
        return None
    history = _history(records, channel)
    variants = len(experiment.variants)
    needed = contents_needed(experiment.detect_percent, spread=spread_of(history), variants=variants)
    per_week = len(channel.weekdays) * (1 - channel.holdout)
    days = days_needed(needed, variants=variants, per_week=per_week)
    basis = (
        f"by the {len(history)} contents of its last {_HISTORY_DAYS} days"
        if len(history) >= LEAST_HISTORY
        else "assumed: it has no history of its own yet"
    )
    return ExperimentPlan(
        days,
        f"{experiment.name!r} needs about {days:,} days to see a difference of {experiment.detect_percent:g} % in "
        f"{POWER * 10:.0f} of 10 cases: {needed:,} contents of each two variants together ({basis})",
    )


def _history(records: Records, channel: Channel) -> list[TriedContent]:
    from dayreel.marts.build import mart_files, read_table  # noqa: PLC0415
    from dayreel.marts.database import opened_database, outcome_of  # noqa: PLC0415

    today = local_day(records.clock.now(), records.settings.timezone)
    files = mart_files(records)
    days = {(today - timedelta(days=back)).isoformat() for back in range(_HISTORY_DAYS)}
    written = sorted(days & set(files.partitions("content/performance")))
    query = "SELECT outcome FROM outcomes WHERE channel = $channel AND simulated = $simulated ORDER BY content_id"
    asked = {"channel": channel.name, "simulated": records.settings.world == "sandbox"}
    with opened_database(records) as database:
        database.register("content_performance", read_table(files, "content/performance", written))
        database.load({}, uses=("outcomes",), query=query)
        return [outcome_of(row["outcome"]) for row in database.answer(query, asked).to_pylist()]
