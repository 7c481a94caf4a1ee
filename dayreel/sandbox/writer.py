"""What the stand-in language models write: recorded answers, cut to the JSON schema of the request.

The words are in `answers.json`: per kind of channel (crafts, histories) one answer a day, and prompts that go with any
of them. Which answer it is follows from the request: each day another one, and none whose subject the request names (an
"avoid these" list); a request for prompts gets those of the idea that it names. The schema alone decides the shape.
"""

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

Schema = dict[str, Any]
WrittenAnswer = dict[str, Any]

UNSAFE_MARK: Final = "[sandbox-unsafe]"
"""A request that holds this mark is judged unsafe by the second look."""

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_COUNT: Final = re.compile(r"(?im)^\W*(?:count|segments?|number of (?:prompts|segments))\W*[:=]\s*(\d+)")
_COUNT_WORDS: Final = re.compile(
    r"(?i)\b(\d+)\s+(?:sequential\s+|consecutive\s+|video\s+)*(?:prompts|segments|shots|clips)\b"
)
_SILENCE: Final = re.compile(r"(?i)(narration\W+(off|none|no)\b|(no|without) narration|does not speak)")
_MOST_WORDS: Final = re.compile(r"(?i)narration[^.\n]*\bat most (\d+) words")
_HINTS: Final = re.compile(r"\b(minItems|maxItems|minLength|maxLength|minimum|maximum): (\d+)")
_FIELDS: Final = (
    (("video_prompt", "visual", "shot"), "video_prompt"),
    (("audio_prompt",), "audio_prompt"),
    (("tag",), "hashtags"),
    (("caption",), "caption"),
    (("topic", "title", "subject"), "topic"),
    (("context",), "cultural_context"),
    (("environment", "scene", "place"), "environment"),
    (("sound", "audio"), "sound_concept"),
    (("narration", "voice", "script"), "narration"),
    (("prompt",), "video_prompt"),
)
"""Which part of an answer a field gets, by words in its name; any other field gets the idea."""


@cache
def recorded() -> dict[str, list[WrittenAnswer]]:
    """Return every recorded answer: `crafts`, `histories`, and the prompts of each."""
    content: dict[str, list[WrittenAnswer]] = json.loads(files(__package__).joinpath("answers.json").read_text("utf-8"))
    return content


@dataclass(slots=True)
class Request:
    """A request, and the recorded answer to it.

    Args:
        text: everything it said.
        schema: what its answer has to follow.
    """

    text: str
    schema: Schema
    dice: random.Random = field(init=False)
    answer: WrittenAnswer = field(init=False)
    prompts: list[WrittenAnswer] = field(init=False)

    def __post_init__(self) -> None:
        """Choose the answer."""
        schema = json.dumps(self.schema, sort_keys=True)
        self.dice = random.Random(hashlib.sha256((schema + self.text).encode()).hexdigest())
        is_history = re.search(r"(?i)\bhistor(y|ies|ical)\b", self.text)
        kind = "histories" if is_history and not re.search(r"(?i)\b(asmr|craft)", self.text) else "crafts"
        self.answer = (_named(self.text, kind) if "video_prompt" in schema else None) or self._of_the_day(kind)
        self.prompts = recorded()["craft_prompts" if self.answer in recorded()["crafts"] else "history_prompts"]

    def _of_the_day(self, kind: str) -> WrittenAnswer:
        """Return the day's answer, or the next one whose subject the request does not name."""
        answers, day = recorded()[kind], _DAY.search(self.text)
        number = date.fromisoformat(day.group()).toordinal() if day else self.dice.randrange(len(answers))
        # Channels begin at different answers, or two of them would have the same idea every day. What stands before the
        # day says which channel it is; a weekday in it would make every channel seven.
        channel = re.sub(r"\w*day\b", "", self.text[: day.start() if day else 300])
        first = (number + int.from_bytes(hashlib.sha256(channel.encode()).digest()[:4])) % len(answers)
        in_turn = answers[first:] + answers[:first]
        return next((answer for answer in in_turn if not _is_named(answer, self.text)), in_turn[0])


def _is_named(answer: WrittenAnswer, text: str) -> bool:
    return answer["idea"] in text or answer["topic"].lower().partition(":")[0] in text.lower()


def _named(text: str, kind: str) -> WrittenAnswer | None:
    """Return the answer whose idea a request holds, of whatever kind, or else the first of `kind` that it names."""
    whole = (answer for answers in ("crafts", "histories") for answer in recorded()[answers] if answer["idea"] in text)
    return next(whole, None) or next((answer for answer in recorded()[kind] if _is_named(answer, text)), None)


def write(schema: Schema, text: str) -> Any:
    """Return an instance of `schema` as the answer to a request that said `text`."""
    return _instance(schema, Request(text, schema), name="", index=0)


def write_plain(text: str) -> str:
    """Return a plain answer for a request without a schema."""
    answer = Request(text, {}).answer
    return f"{answer['idea']} {answer['sound_concept']}"


def text_of(schema: Schema, text: str) -> str:
    """Return the instance as the JSON text a model would write."""
    return json.dumps(write(schema, text), ensure_ascii=False)


def words_in(content: Any) -> str:
    """Return the text of a message's content, whichever of the vendors' shapes was used."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return words_in(content.get("content") or content.get("text") or "")
    return "\n".join(words_in(part) for part in content)


def parts_of(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield a schema and every schema in it, each with the way to it: what a vendor holds to its rules."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for name in ("properties", "$defs"):
        for key, part in (schema.get(name) or {}).items():
            yield from parts_of(part, (*path, name, key))
    yield from parts_of(schema.get("items"), (*path, "items"))
    for name in ("anyOf", "allOf"):
        for index, part in enumerate(schema.get(name) or []):
            yield from parts_of(part, (*path, name, str(index)))


# -- shape ------------------------------------------------------------------------------------------------


def _instance(schema: Schema, request: Request, *, name: str, index: int) -> Any:
    """Build one value; `name` is the field it is for and `index` its place in a list."""
    schema = _resolve(schema, request, name)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return request.dice.choice(schema["enum"])
    match _type_of(schema):
        case "object":
            properties = schema.get("properties") or {}
            return {key: _instance(part, request, name=key, index=index) for key, part in properties.items()}
        case "array":
            items = schema.get("items") or {"type": "string"}
            count = _count(schema, request, name.lower())
            return [_instance(items, request, name=name, index=index) for index in range(count)]
        case kind:
            return _scalar(kind, schema, request, name, index)


def _scalar(kind: str, schema: Schema, request: Request, name: str, index: int) -> Any:
    match kind:
        case "boolean":
            return name.lower() in ("safe", "is_safe", "approved", "ok") and UNSAFE_MARK not in request.text
        case "integer":
            return round(_number(schema, request, name.lower(), index))
        case "number":
            return round(_number(schema, request, name.lower(), index), 3)
        case "null":
            return None
        case _:
            return _string(schema, request, name, index)


def _resolve(schema: Schema, request: Request, name: str) -> Schema:
    """Follow references and choose among alternatives: the first that is not null, unless silence was asked for."""
    while "$ref" in schema:
        referred: Any = request.schema
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            referred = referred.get(part, {}) if part and part != "#" else referred
        schema = {**referred, **{key: value for key, value in schema.items() if key != "$ref"}}
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        kinds = [option.get("type") for option in options]
        if name == "narration" and "null" in kinds and _SILENCE.search(request.text):
            return {"type": "null"}
        real = [option for option in options if option.get("type") != "null"] or options
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        return _resolve({**outer, **real[0]}, request, name)
    for part in schema.get("allOf", []):
        schema = {**_resolve(part, request, name), **{k: v for k, v in schema.items() if k != "allOf"}}
    return schema


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    return str(kind or ("object" if "properties" in schema else "string"))


def _limit(schema: Schema, name: str) -> int | None:
    """Read a constraint, also one that the Anthropic SDK has moved into the description."""
    if name in schema:
        return int(schema[name])
    hints = {hint: int(value) for hint, value in _HINTS.findall(str(schema.get("description", "")))}
    return hints.get(name)


def _count(schema: Schema, request: Request, name: str) -> int:
    """How many items a list gets: what the schema demands, or within it what the request asks for."""
    least, most = _limit(schema, "minItems") or 0, _limit(schema, "maxItems")
    if name in ("reasons", "issues", "concerns", "violations", "flags"):
        wanted = 1 if UNSAFE_MARK in request.text else 0
    elif "tag" in name:
        wanted = len(request.answer["hashtags"])
    else:
        asked = _COUNT.findall(request.text) or _COUNT_WORDS.findall(request.text)
        wanted = int(asked[-1]) if asked else 3
    return max(least, wanted if most is None else min(wanted, most))


def _number(schema: Schema, request: Request, name: str, index: int) -> float:
    least, most = _limit(schema, "minimum"), _limit(schema, "maximum")
    if any(word in name for word in ("index", "sequence", "number", "order", "position", "segment")):
        value: float = index + 1
    elif "duration" in name:
        value = 5
    else:
        low = 0 if least is None else least
        value = request.dice.uniform(low, low + 1 if most is None else most)
    value = max(value, least) if least is not None else value
    return min(value, most) if most is not None else value


def _string(schema: Schema, request: Request, name: str, index: int) -> str:
    if schema.get("format") in ("date", "date-time"):
        match = _DAY.search(request.text)
        day = match.group() if match else "2026-01-01"
        return day if schema["format"] == "date" else f"{day}T09:00:00Z"
    if name == "narration" and _SILENCE.search(request.text):
        return ""
    text = _words(name.lower(), request, index)
    least, most = _limit(schema, "minLength") or 0, _limit(schema, "maxLength")
    while len(text) < least:
        text = f"{text} {request.answer['cultural_context']}"
    if most is not None and len(text) > most:
        text = text[:most].rsplit(" ", 1)[0] if " " in text[:most] else text[:most]
    return text


def _words(name: str, request: Request, index: int) -> str:
    """Return the recorded words for a field."""
    if any(word in name for word in ("reason", "issue", "concern", "violation")):
        return f"The text holds the mark {UNSAFE_MARK}, which stands for something a brand would not want beside it."
    part = next((part for words, part in _FIELDS if any(word in name for word in words)), "idea")
    if part in ("video_prompt", "audio_prompt"):
        prompt = str(request.prompts[index % len(request.prompts)][part].format_map(request.answer))
        while part == "video_prompt" and prompt in request.text:  # asked for in other words
            prompt = f"Once more, and from the other side. {prompt}"
        return prompt
    if part == "hashtags":
        return str(request.answer[part][index % len(request.answer[part])])
    if part != "narration":
        return str(request.answer[part])
    sentences = re.split(r"(?<=[.!?]) ", request.answer["narration"])
    limit = _MOST_WORDS.findall(request.text)
    while limit and len(sentences) > 1 and len(" ".join(sentences).split()) > int(limit[-1]):
        sentences.pop()
    return " ".join(sentences)
