"""Writing again the prompts that a video model refused for their content, or cannot take as they are.

What is asked for again is `services.upkeep.rewrite_prompts`, on a person's word. Here is what `write_prompts` makes of
it.
"""

from collections.abc import Mapping
from typing import Any

from dayreel.schemas.content import PromptSet, VideoPrompt
from dayreel.schemas.manifest import Manifest, Override, RefusedPrompt


def kept_prompts(manifest: Manifest, override: Override, *, base: str) -> dict[int, VideoPrompt] | None:
    """Return the prompts that stay while others are written again, by number; None where all are to be written.

    Args:
        base: what the prompts are written from now; those that stay must have been written from the same.
    """
    done = manifest.stages.get("prompts")
    if manifest.prompts is None or done is None or done.parameters.get("written_from", done.fingerprint) != base:
        return None
    due = due_rewrites(manifest, override)
    standing = enumerate(manifest.prompts.prompts, start=1)
    return {number: prompt for number, prompt in standing if number not in due} if due else None


def due_rewrites(manifest: Manifest, override: Override) -> dict[int, RefusedPrompt]:
    """Return what is to be written again and was not yet, by number."""
    standing = dict(enumerate(manifest.prompts.prompts if manifest.prompts else (), start=1))
    return {number: refused for number, refused in override.rewrite.items() if standing.get(number) == refused.prompt}


def rewrite_words(override: Override, kept: Mapping[int, VideoPrompt]) -> str:
    """Return a paragraph for the model about the prompts that were refused."""
    stay = [f"Prompt {number} stays as it is: {prompt.video_prompt}" for number, prompt in kept.items()]
    again = [
        f"Prompt {number} could not be made ({refused.reason}). It was: {refused.prompt.video_prompt}\n"
        f"Write number {number} again so that this cannot be said of it, and so that it goes with the others."
        for number, refused in override.rewrite.items()
        if number not in kept
    ]
    return "\n".join(("These prompts were written already.", *stay, *again))


def merged(written: PromptSet, kept: Mapping[int, VideoPrompt]) -> PromptSet:
    """Return the prompts with those that stay in their places."""
    numbered = enumerate(written.prompts, start=1)
    return PromptSet(prompts=tuple(kept.get(number, prompt) for number, prompt in numbered))


def unchanged(prompts: PromptSet, override: Override) -> list[int]:
    """Return the numbers of those that are word for word what was refused, and would only be refused again."""
    standing = dict(enumerate(prompts.prompts, start=1))
    return [
        number
        for number, refused in override.rewrite.items()
        if number in standing and standing[number].video_prompt == refused.prompt.video_prompt
    ]


def recorded_rewrites(override: Override, base: str) -> dict[str, Any]:
    """Return what the record of the stage says of rewrites."""
    if not override.rewrite:
        return {}
    because = {str(number): refused.reason for number, refused in override.rewrite.items()}
    return {"rewritten": because, "written_from": base}
