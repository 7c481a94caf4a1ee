"""What may be changed once, for the content of one run: the run config of the making assets, as the launchpad shows it.

See https://docs.dagster.io/guides/operate/configuration/run-configuration. What holds for every day stands in the
channel's file. What a change means, and what refuses it, is `dayreel.services.upkeep.change_once`.
"""

import dagster as dg
from pydantic import Field

from dayreel.services.upkeep.change_once import Change


class CalendarIdeasChange(dg.Config):
    """What can be changed of an idea that people have written into a calendar."""

    new_take: bool = Field(
        default=False,
        description="Begin another take of the day first; for a day whose take was rejected, has expired or failed.",
    )


class PromptsChange(dg.Config):
    """What can be changed of the prompts."""

    model: str | None = Field(
        default=None, description="Another model of the channel's provider, with a price in models.yaml."
    )
    template: str | None = Field(
        default=None, description="Another template of channels/templates/<content type>/, without .md.j2."
    )


class IdeasChange(PromptsChange, CalendarIdeasChange):
    """What can be changed of an idea that a language model writes."""


class SegmentsChange(dg.Config):
    """What can be changed of segments that are bought."""

    model: str | None = Field(
        default=None, description="Another model of the channel's provider, with a price in models.yaml."
    )
    seed: int | None = Field(
        default=None, description="Seed of the segments named below, or of all. Another seed is another purchase."
    )
    segments: list[int] = Field(
        default_factory=list,
        description="Numbers of segments to make again. They are bought again, with the seed, or with their next one.",
    )


def change_of(config: dg.Config, run: dg.DagsterRun) -> Change:
    """Return what a run asks for; its retries ask for the same."""
    asked = config.model_dump()
    return Change(run.root_run_id or run.run_id, **{**asked, "segments": tuple(asked.get("segments", ()))})
