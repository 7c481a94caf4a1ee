"""How hard a language model is asked to think, how much room its answer gets, how much more after it was cut, and where
in the text its document is. Pure.

Thinking counts towards the budget of an answer and is billed like it (docs/reference/vendors/llm.md). What a model
takes is its row in `models.yaml`; what was asked is the channel's file.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from dayreel.errors import ConfigurationError
from dayreel.vendors.models import Effort, TextModel

_THINKING_TOKENS: Mapping[str, int] = {
    "none": 0,
    "minimal": 1000,
    "low": 3000,
    "medium": 7000,
    "high": 14_000,
    "xhigh": 30_000,
    "max": 60_000,
}
"""Effort to the room for thinking. Vendors publish no figures; with the text it comes to the 8,000 to 16,000 tokens
that are advised (docs/reference/vendors/llm.md)."""
_UNKNOWN_LIMIT = 32_000
"""The longest answer that is asked of a model whose row says nothing of it."""
_USUAL_SHARE = 2
"""Of the room for thinking, a usual answer takes one part in so many."""
_TOKENS_PER_HOUR = 128_000
"""What the vendors' own SDKs reckon with at the slowest."""
_OBJECT = re.compile(r'\{\s*["}]')
_MOST_FAILURES = 100
"""Small models repeat themselves, one object in the other; each failure reads the text again."""


def effort_of(model: TextModel, asked: Effort | None) -> Effort | None:
    """Return the effort that a model is asked for; None where nothing is said of it.

    The default of a model that thinks by itself is said all the same, so that it stays when the vendor changes it.

    Raises:
        ConfigurationError: the model takes no such effort; names those it takes.
    """
    if asked is None:
        return model.default_effort if model.thinks in ("always", "default") else None
    if asked not in model.efforts:
        takes = ", ".join(model.efforts) or "none at all"
        raise ConfigurationError(
            f"{model.provider} model {model.model!r} takes no effort {asked!r}; it takes {takes}. Nothing was asked.",
            next_step="Change `effort` in the channel file, or leave it out; where the model has learned another, add "
            "it to its row in your models.yaml.",
        )
    return asked


def temperature_of(model: TextModel, asked: float | None, effort: Effort | None) -> float | None:
    """Return the temperature that a model is asked with; None leaves it to the vendor.

    Raises:
        ConfigurationError: the model thinks when it is asked so, and vendors refuse every temperature then.
    """
    if asked is not None and (model.thinks == "always" or effort not in (None, "none")):
        raise ConfigurationError(
            f"{model.provider} model {model.model!r} takes no temperature while it thinks. Nothing was asked.",
            next_step="Leave `temperature` out of the channel file, or say `effort: none` where the model takes that.",
        )
    return asked


def answer_room(model: TextModel, effort: Effort | None, *, text_tokens: int, asked: int | None) -> int:
    """Return the budget of an answer: for its text, and for the thinking before it; never more than the model has.

    Args:
        text_tokens: the most that the text itself takes.
        asked: the budget that the channel's file wants instead.
    """
    return min(asked or text_tokens + _thinking_room(model, effort), _limit(model))


def more_room(model: TextModel, room: int) -> int | None:
    """Return the budget after an answer that was cut at `room`: double, up to the model's limit; None at the limit."""
    wider = min(2 * room, _limit(model))
    return wider if wider > room else None


def usual_thinking(model: TextModel, effort: Effort | None) -> int:
    """Return how many tokens a model usually thinks, for estimates."""
    return _thinking_room(model, effort) // _USUAL_SHARE


def longest_silence(max_tokens: int, model: TextModel | None = None) -> timedelta:
    """Return how long a vendor may say nothing: while its model thinks, for as long as the answer's budget lasts."""
    if model is not None and model.tokens_per_s is not None:
        return timedelta(seconds=max_tokens / model.tokens_per_s)
    return timedelta(hours=max_tokens / _TOKENS_PER_HOUR)


def document_in(text: str) -> str:
    """Return the JSON document of an answer, without the thoughts and the words around it; else what was written.

    The longest one: models repeat a part of the schema, or an example, before they answer.
    """
    if next(_objects(text), None) == text.strip():
        return text.strip()  # a document may speak of such tags itself
    # Templates leave the first tag of what is thought aloud out, and an answer that was cut the last.
    _thoughts, closed, rest = text.rpartition("</think>")
    text = (rest if closed else rest.partition("<think>")[0]).strip()
    return max(_objects(text), key=len, default=text)


def _objects(text: str) -> Iterator[str]:
    """Yield the JSON objects of a text that are not part of another one."""
    decoder, end, failures = json.JSONDecoder(), 0, 0
    for match in _OBJECT.finditer(text):
        if match.start() < end:
            continue
        try:
            _document, end = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            failures += 1
            if failures == _MOST_FAILURES:
                return
        else:
            yield text[match.start() : end]


def _thinking_room(model: TextModel, effort: Effort | None) -> int:
    if effort is None:
        return _THINKING_TOKENS["high"] if model.thinks in ("always", "default") else 0
    return _THINKING_TOKENS[effort]


def _limit(model: TextModel) -> int:
    return model.max_output_tokens or _UNKNOWN_LIMIT
