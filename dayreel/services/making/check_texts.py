"""Quality checks of what was written: ideas and prompts. Those of the final video are `dayreel.media.checks`."""

from collections.abc import Mapping
from datetime import timedelta

from dayreel.errors import UsageError
from dayreel.queries.rows import earlier_ideas
from dayreel.rules.novelty import closest
from dayreel.rules.post_words import post_caption
from dayreel.rules.segment_words import WORDS
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import CheckResult
from dayreel.schemas.manifest import Manifest
from dayreel.services.making.write_prompts import segment_room
from dayreel.services.project import Project

IDEA_CHECKS: Mapping[str, str] = {
    "differs_from_earlier": "The idea is not too similar to one of the last days (`avoid_days`, `max_similarity`).",
    "caption_fits": "Caption and hashtags fit every platform of the channel; a reviewer can edit them.",
}
PROMPT_CHECKS: Mapping[str, str] = {
    "one_per_segment": "There is one prompt for each segment of the channel: none is bought for another number.",
    "word_counts": f"Each video prompt has {WORDS[0]} to {WORDS[1]} words, fewer where the video model takes no more.",
}


def check_idea(project: Project, channel: Channel, manifest: Manifest) -> tuple[CheckResult, ...]:
    """Return whether the idea is new enough, and whether its caption fits every platform of the channel."""
    idea = manifest.idea
    if idea is None:
        return ()
    since = manifest.day - timedelta(days=channel.ideas.avoid_days)
    with project.catalog.read() as connection:
        nearest = closest(idea.idea, earlier_ideas(connection, channel.name, since, but=manifest.content_id))
    score = nearest.score if nearest else 0.0
    refusals: list[str] = []
    unsure: list[str] = []
    for platform in channel.platforms.chosen():
        try:
            made = post_caption(channel, platform, content_id=manifest.content_id, caption=idea.caption, idea=idea)
            unsure += made.doubts
        except UsageError as refusal:
            refusals.append(f"{platform}: {refusal}")
    return (
        CheckResult(
            name="differs_from_earlier",
            passed=score <= channel.ideas.max_similarity,
            value=f"{score:.0f}",
            expected=f"at most {channel.ideas.max_similarity:.0f}",
            message=f"Nearest is {nearest.content_id} ({score:.0f} of 100)."
            if nearest
            else "There is no earlier idea.",
        ),
        CheckResult(
            name="caption_fits",
            passed=not refusals,
            value="; ".join(refusals) or "fits",
            expected="fits every platform",
            message="; ".join((*refusals, *unsure))
            or f"It fits {', '.join(channel.platforms.chosen()) or 'no platform'}.",
        ),
    )


def check_prompts(project: Project, channel: Channel, manifest: Manifest) -> tuple[CheckResult, ...]:
    """Return whether there is one prompt per segment, each of the right length."""
    if manifest.prompts is None:
        return ()
    counts = [len(prompt.video_prompt.split()) for prompt in manifest.prompts.prompts]
    room = segment_room(project, channel, manifest.content_id)
    least, most = WORDS if room is None else room.words
    return (
        CheckResult(
            name="one_per_segment",
            passed=len(counts) == channel.segments.count,
            value=str(len(counts)),
            expected=str(channel.segments.count),
            message=f"{len(counts)} prompts for {channel.segments.count} segments.",
        ),
        CheckResult(
            name="word_counts",
            passed=all(least <= count <= most for count in counts),
            value=", ".join(str(count) for count in counts),
            expected=f"{least} to {most} words each",
            message=f"The video prompts have {', '.join(str(count) for count in counts)} words.",
        ),
    )
