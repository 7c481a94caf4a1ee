"""What a stage's result follows, as a short version: its code, and the settings of the channel that decide about it.

Dagster shows an asset as out of date when its version has changed since it was made. What is made again, and paid
again, is decided by the fingerprint of the stage's own work alone (`services.making.stages`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dayreel.rules.fingerprint import fingerprint
from dayreel.schemas.channel import HOW_TO_ASK, Channel
from dayreel.services.making import compose_video, make_idea, narrate, render_segments, write_prompts
from dayreel.services.making.plan_video import edit_settings
from dayreel.services.making.templating import source_of
from dayreel.vendors.models import PICTURES

OF_WHAT_HAPPENED = "1"
"""The version of what records an act: a decision, a post, what a platform counted on a day.

It follows no setting and no code. Dagster would show the act as out of date and ask for it to be made again, which can
change nothing: a post stays the one that it is, and a past day cannot be measured.
"""


def code_versions(channels_dir: Path, channel: Channel) -> dict[str, str]:
    """Return the version of each stage of a channel, by stage: `1-3fa94c1e`, the code's own and that of its settings.

    Args:
        channels_dir: where people keep prompt templates of their own.
    """
    content_type, spec = channel.content_type, channel.segments
    idea_source = channel.ideas.model_dump(mode="json", exclude={"avoid_days", "max_similarity", *HOW_TO_ASK})
    prompt_source = channel.prompts and channel.prompts.model_dump(mode="json", exclude=set(HOW_TO_ASK))
    # What came to channel files later is left out where it is not set: nothing is out of date because of an update.
    unset = {field for field in (*PICTURES, "negative_prompt") if getattr(channel.video, field) is None}
    later = {"stills": False, "in_points": "spread"}
    unset |= {field for field, default in later.items() if getattr(channel.video, field) == default}
    video = channel.video.model_dump(mode="json", exclude=unset)
    follows: dict[str, tuple[str, Mapping[str, Any]]] = {
        "ideas": (
            make_idea.CODE_VERSION,
            {
                "source": idea_source,
                "topic": channel.topic,
                "language": channel.language,
                "template": None if channel.ideas.model is None else source_of(channels_dir, content_type, "idea"),
            },
        ),
        "prompts": (
            write_prompts.CODE_VERSION,
            {"source": prompt_source, "template": source_of(channels_dir, content_type, "prompts"), "spec": spec},
        ),
        "raw_segments": (
            render_segments.CUT_VERSION if channel.video.model is None else render_segments.CODE_VERSION,
            {"source": video, "spec": spec},
        ),
        "narration": (narrate.CODE_VERSION, {"voice": channel.narration and channel.narration.as_asked()}),
        "final_video": (
            compose_video.CODE_VERSION,
            {"brand": channel.brand, "captions": channel.captions, "spec": spec, **edit_settings(channel)},
        ),
    }
    return {stage: f"{code}-{fingerprint(**settings)[:8]}" for stage, (code, settings) in follows.items()}
