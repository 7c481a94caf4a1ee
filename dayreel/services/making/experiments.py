"""Which variant of a channel's experiment a day tries, and how that is written down. The rule: `rules.experiments`."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from dayreel.rules.experiments import assign_variant
from dayreel.schemas.channel import Channel


@dataclass(frozen=True)
class Trial:
    """One day's variant, and the words it adds to the request."""

    experiment: str
    variant: str
    words: str


def trial_of(channel: Channel, layer: Literal["idea", "prompt"], day: date) -> Trial | None:
    """Return what a day tries in a layer, or None where the channel has no experiment there."""
    experiment = channel.experiment
    if experiment is None or experiment.layer != layer:
        return None
    variant = assign_variant(list(experiment.variants), channel=channel.name, experiment=experiment.name, day=day)
    return Trial(experiment.name, variant, experiment.variants[variant].strip())


def recorded(trial: Trial | None) -> dict[str, Any]:
    """Return the stage's parameters that say which variant was tried; the marts read them from the manifest."""
    return {} if trial is None else {"experiment": trial.experiment, "variant": trial.variant}
