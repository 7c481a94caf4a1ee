"""What a person has changed for one content alone, as its stages apply it. Written by `services.upkeep.change_once`.

It is kept in the manifest, so a retry, a schedule or another machine continues with it: a stage that forgot it would be
made, and paid, a second time.
"""

from dayreel.schemas.channel import Channel
from dayreel.schemas.manifest import Override, Stage
from dayreel.services.project import Project

_MODEL_IN: dict[Stage, str] = {"ideas": "ideas", "prompts": "prompts", "raw_segments": "video"}
"""The part of a channel's file that names the model of a stage."""


def override_of(project: Project, content_id: str, stage: Stage) -> Override:
    """Return what was changed for a stage of a content; empty where nothing was.

    Raises:
        StateError: the manifest is damaged.
    """
    return project.contents.manifest(content_id).overrides.get(stage, Override())


def with_override(channel: Channel, stage: Stage, override: Override) -> Channel:
    """Return the channel as this stage of the content is made of it."""
    if override.model is None:
        return channel
    name = _MODEL_IN[stage]
    return channel.model_copy(update={name: getattr(channel, name).model_copy(update={"model": override.model})})
