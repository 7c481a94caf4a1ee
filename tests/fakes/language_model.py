"""A language model that answers what it is given, then invents, and remembers every question."""

import json
from collections.abc import Iterable
from typing import Any

from dayreel.providers.llm.contract import Answer, Finish, Question
from dayreel.schemas.effect import Permit

SUBJECTS = (
    "An old potter in Oaxaca turns wet black clay under her palms until a jar rises",
    "Two brothers in Kyoto fold a paper umbrella rib by rib in a cedar-scented workshop",
    "Inside a Welsh barn a weaver beats wool tight against the loom at dawn",
    "Steel rings as a Toledo smith quenches a narrow blade in olive oil",
    "Salt is raked into white cones on the flats of Guérande by slow wooden rakes",
)


def answer(
    document: object = "",
    *,
    finish: Finish = "complete",
    refusal: str | None = None,
    input_tokens: int = 1000,
    output_tokens: int = 500,
) -> Answer:
    """Return an answer; anything but a string is written as JSON."""
    text = document if isinstance(document, str) else json.dumps(document)
    return Answer(text, finish, "fake-model", input_tokens, output_tokens, "req-1", refusal)


def idea(text: str = SUBJECTS[0], **changes: Any) -> dict[str, Any]:
    """Return an idea as a model would write it."""
    return {"idea": text, "caption": "Clay, patience 🏺", "hashtags": ["#craft"], "topic": "black clay", **changes}


def prompts(count: int = 3, *, words: int = 120) -> dict[str, Any]:
    """Return prompts as a model would write them."""
    return {"prompts": [{"video_prompt": " ".join([f"clay{n}"] * words), "audio_prompt": "rain"} for n in range(count)]}


class FakeLanguageModel:
    """Follows `LanguageModel`. `says` come in order (exceptions are raised); then it writes usable answers."""

    def __init__(self, says: Iterable[Answer | Exception] = (), *, name: str = "anthropic", segments: int = 3) -> None:
        self.name = name
        self.asked: list[Question] = []
        self.permits: list[Permit] = []
        self._says = list(says)
        self._segments = segments

    def ask(self, permit: Permit, question: Question) -> Answer:
        self.asked.append(question)
        self.permits.append(permit)
        if self._says:
            item = self._says.pop(0)
            if isinstance(item, Exception):
                raise item
            return item
        if question.schema_name == "prompts":
            return answer(prompts(self._segments))
        return answer(idea(SUBJECTS[len(self.asked) % len(SUBJECTS)]))
