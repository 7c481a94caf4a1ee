"""What the stand-in language models write: an instance of the JSON schema they were given, seeded by the request.

Field names choose the phrases (`idea`, `caption`, `video_prompt` ...), the schema chooses the shape. Different requests
give different subjects, and a subject that the request already names (an "avoid these" list) is not taken again.
"""

import hashlib
import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final, TypeVar

from dayreel.sandbox import phrases
from dayreel.sandbox.phrases import Craft, Story

Schema = dict[str, Any]
Subject = TypeVar("Subject", Craft, Story)

UNSAFE_MARK: Final = "[sandbox-unsafe]"
"""A request that holds this mark is judged unsafe by the second look."""

_COUNT: Final = re.compile(r"(?im)^\W*(?:count|segments?|number of (?:prompts|segments))\W*[:=]\s*(\d+)")
_COUNT_WORDS: Final = re.compile(
    r"(?i)\b(\d+)\s+(?:sequential\s+|consecutive\s+|video\s+)*(?:prompts|segments|shots|clips)\b"
)
_SILENCE: Final = re.compile(r"(?i)(narration\W+(off|none|no)\b|(no|without) narration|does not speak)")
_MOST_WORDS: Final = re.compile(r"(?i)narration[^.\n]*\bat most (\d+) words")
_HINTS: Final = re.compile(r"\b(minItems|maxItems|minLength|maxLength|minimum|maximum): (\d+)")


@dataclass(slots=True)
class Muse:
    """One answer's choices, made once and shared by all its fields.

    Args:
        text: everything the request said.
        seed: what the choices hang on.
        craft: the subject, for crafts.
        story: the subject, for small histories; None for crafts.
    """

    text: str
    seed: str
    craft: Craft = field(init=False)
    story: Story | None = field(init=False, default=None)
    dice: random.Random = field(init=False)
    act: str = field(init=False)
    material: str = field(init=False)
    thing: str = field(init=False)
    place: str = field(init=False)
    light: str = field(init=False)
    mood: str = field(init=False)
    is_prompting: bool = False

    def __post_init__(self) -> None:
        """Choose the subject and its parts."""
        self.dice = random.Random(self.seed)
        self.craft = self._pick(phrases.CRAFTS)
        if re.search(r"(?i)\bhistor(y|ies|ical)\b", self.text) and not re.search(r"(?i)\b(asmr|craft)", self.text):
            self.story = self._pick(_stories())
        self.act, self.material, self.thing = (
            self._kept(self.craft.acts),
            self._kept(self.craft.materials),
            self._kept(self.craft.objects),
        )
        self.place, self.light = self._kept(phrases.PLACES), self._kept(phrases.LIGHTS)
        self.mood = self.dice.choice(phrases.MOODS)

    def _kept(self, options: tuple[str, ...]) -> str:
        """Choose one: what a request for prompts names is kept, what a request for an idea names is avoided."""
        named = [option for option in options if option.lower() in self.text.lower()]
        if self.is_prompting and named:
            return named[0]
        return self.dice.choice([option for option in options if option not in named] or list(options))

    def _pick(self, subjects: Sequence[Subject]) -> Subject:
        """Choose a subject: each day another one, and none that the request names already."""
        known = [subject for subject in subjects if subject.name in self.text.lower()]
        if self.is_prompting and known:
            return known[0]
        channel = re.sub(r"[\d-]+", "", self.text[:300])
        order = random.Random(channel).sample(subjects, len(subjects))
        found = re.search(r"\d{4}-\d{2}-\d{2}", self.text)
        day = date.fromisoformat(found.group()).toordinal() if found else self.dice.randrange(len(order))
        turned = order[day % len(order) :] + order[: day % len(order)]
        return next((subject for subject in turned if subject not in known), self.dice.choice(turned))

    @property
    def subject(self) -> str:
        """What it is about, in a few words."""
        return self.story.name if self.story else f"{self.material} {self.thing}"


def write(schema: Schema, text: str) -> Any:
    """Return an instance of `schema` as the answer to a request that said `text`."""
    seed = hashlib.sha256((json.dumps(schema, sort_keys=True) + text).encode()).hexdigest()
    muse = Muse(text=text, seed=seed, is_prompting="video_prompt" in json.dumps(schema))
    return _instance(schema, schema, muse, name="", index=0)


def write_plain(text: str) -> str:
    """Return a plain answer for a request without a schema."""
    muse = Muse(text=text, seed=hashlib.sha256(text.encode()).hexdigest())
    return f"{_idea(muse)} {_sound(muse)}"


def text_of(schema: Schema, text: str) -> str:
    """Return the instance as the JSON text a model would write."""
    return json.dumps(write(schema, text), ensure_ascii=False)


_HOOKS: Final = (
    "Somebody had to be first to make {a_thing} from {material}.",
    "Nobody remembers who taught {craft} to the second person.",
    "Take {material}, wait a lifetime, and you get {a_thing}.",
    "Before there were factories, {craft} was simply Tuesday.",
    "Your grandmother's grandmother would know {a_thing} at once.",
    "Once, {a_thing} could pay a month's rent.",
    "{craft} looks slow until you count the centuries.",
)


@cache
def _stories() -> tuple[Story, ...]:
    """The small histories, and one more from every craft."""
    made = []
    for number, craft in enumerate(phrases.CRAFTS):
        thing, material = craft.objects[number % len(craft.objects)], craft.materials[number % len(craft.materials)]
        made.append(
            Story(
                name=f"the {material} {thing}",
                place=_upper(phrases.PLACES[number % len(phrases.PLACES)]),
                hook=_HOOKS[number % len(_HOOKS)].format(a_thing=_article(thing), material=material, craft=craft.name),
                facts=(
                    f"It took {craft.name}, and years of spoiled pieces.",
                    craft.fact,
                    f"If you listen, it still sounds the same: {craft.sounds[number % len(craft.sounds)]}.",
                ),
            )
        )
    return (*phrases.STORIES, *made)


# -- shape ------------------------------------------------------------------------------------------------


def _instance(schema: Schema, root: Schema, muse: Muse, *, name: str, index: int) -> Any:
    """Build one value; `name` is the field it is for and `index` its place in a list."""
    schema = _resolve(schema, root, muse, name)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return muse.dice.choice(schema["enum"])
    kind = _type_of(schema)
    if kind == "object":
        parts = (schema.get("properties") or {}).items()
        return {key: _instance(part, root, muse, name=key, index=index) for key, part in parts}
    if kind == "array":
        return _array(schema, root, muse, name)
    return _scalar(kind, schema, muse, name, index)


def _scalar(kind: str, schema: Schema, muse: Muse, name: str, index: int) -> Any:
    if kind == "boolean":
        return name.lower() in ("safe", "is_safe", "approved", "ok") and UNSAFE_MARK not in muse.text
    if kind in ("integer", "number"):
        return _number(schema, muse, name, index, is_integer=kind == "integer")
    return None if kind == "null" else _string(schema, muse, name, index)


def _resolve(schema: Schema, root: Schema, muse: Muse, name: str) -> Schema:
    """Follow references and choose among alternatives: the first that is not null, unless silence was asked for."""
    while "$ref" in schema:
        found: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            found = found.get(part, {}) if part and part != "#" else found
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        kinds = [option.get("type") for option in options]
        if name == "narration" and "null" in kinds and _SILENCE.search(muse.text):
            return {"type": "null"}
        real = [option for option in options if option.get("type") != "null"] or options
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        return _resolve({**outer, **real[0]}, root, muse, name)
    for part in schema.get("allOf", []):
        schema = {**_resolve(part, root, muse, name), **{k: v for k, v in schema.items() if k != "allOf"}}
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


def _array(schema: Schema, root: Schema, muse: Muse, name: str) -> list[Any]:
    least, most = _limit(schema, "minItems") or 0, _limit(schema, "maxItems")
    count = max(least, _wanted_count(muse, name) if not (least and least == most) else least)
    if most is not None:
        count = min(count, most)
    items = schema.get("items") or {"type": "string"}
    return [_instance(items, root, muse, name=name, index=index) for index in range(count)]


def _wanted_count(muse: Muse, name: str) -> int:
    """How many items a list gets when the schema leaves it open."""
    lowered = name.lower()
    if lowered in ("reasons", "issues", "concerns", "violations", "flags"):
        return 1 if UNSAFE_MARK in muse.text else 0
    if "tag" in lowered:
        return 5
    said = _COUNT.findall(muse.text) or _COUNT_WORDS.findall(muse.text)
    return int(said[-1]) if said else 3


def _number(schema: Schema, muse: Muse, name: str, index: int, *, is_integer: bool) -> int | float:
    least, most = _limit(schema, "minimum"), _limit(schema, "maximum")
    lowered = name.lower()
    if any(word in lowered for word in ("index", "sequence", "number", "order", "position", "segment")):
        value: float = index + 1
    elif "duration" in lowered:
        value = 5
    else:
        low = 0 if least is None else least
        value = muse.dice.uniform(low, low + 1 if most is None else most)
    value = max(value, least) if least is not None else value
    value = min(value, most) if most is not None else value
    return round(value) if is_integer else round(value, 3)


def _string(schema: Schema, muse: Muse, name: str, index: int) -> str:
    if schema.get("format") in ("date", "date-time"):
        found = re.search(r"\d{4}-\d{2}-\d{2}", muse.text)
        day = found.group() if found else "2026-01-01"
        return day if schema["format"] == "date" else f"{day}T09:00:00Z"
    description = str(schema.get("description", "")).lower()
    if name == "narration" and _SILENCE.search(muse.text):
        return ""
    text = _phrase(name.lower(), muse, index)
    if "without hashtags" in description:
        text = re.sub(r"\s*#\w+", "", text)
    least, most = _limit(schema, "minLength") or 0, _limit(schema, "maxLength")
    while len(text) < least:
        text = f"{text} {muse.dice.choice(phrases.GREETINGS)}"
    if most is not None and len(text) > most:
        text = text[:most].rsplit(" ", 1)[0] if " " in text[:most] else text[:most]
    return text


# -- words ------------------------------------------------------------------------------------------------


def _phrase(name: str, muse: Muse, index: int) -> str:
    """Return the text for a field, by its name."""
    for words, make in _BY_NAME:
        if any(word in name for word in words):
            return make(muse, index)
    return f"{muse.craft.fact if muse.story is None else muse.story.facts[index % 3]}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _article(noun: str) -> str:
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun


def _idea(muse: Muse, _index: int = 0) -> str:
    if muse.story:
        story = muse.story
        frames: tuple[str, ...] = (
            f"{story.place}: how {story.name} came to be. {story.facts[0]}",
            f"A small history of {story.name}, told where it happened. {story.hook} {story.facts[1]}",
            f"{story.hook} Fifteen seconds on {story.name}, ending with this: {story.facts[2]}",
            f"{_upper(story.name)} seen as an accident of {story.place}. {story.facts[1]}",
        )
        return muse.dice.choice(frames)
    craft, sound = muse.craft, muse.dice.choice(muse.craft.sounds)
    work, a_thing = f"{muse.act} {muse.material}", _article(muse.thing)
    frames = (
        f"{_upper(craft.name)} in {muse.place}: {work} into {a_thing}, {sound}.",
        f"{_upper(muse.act)} {a_thing} from {muse.material}, an evening of {craft.name} at {muse.place}.",
        f"Close enough to touch: {sound} while {muse.material} becomes {a_thing} ({craft.name}, {muse.place}).",
        f"Three quiet moments of {craft.name}. {_upper(muse.material)}, {muse.light}, {a_thing} at the end.",
        f"{_upper(muse.place)}, {muse.light}. Hands {work}: {craft.name} and nothing else.",
        f"What {craft.name} sounds like: {sound}, then the finished {muse.thing} of {muse.material} is turned once.",
        f"{_upper(_article(muse.mood))} study of {craft.name}: {muse.material}, {a_thing}, {muse.place}.",
        f"From raw {muse.material} to {_article(muse.thing)} without a word; {craft.name} by {muse.light}.",
    )
    return muse.dice.choice(frames)


def _title(muse: Muse, _index: int = 0) -> str:
    if muse.story:
        return f"A tiny history of {muse.story.name}"
    return f"{_upper(muse.material)} {muse.thing}, {muse.act} by {muse.light}"


def _tag(text: str) -> str:
    return "#" + "".join(part.capitalize() for part in re.findall(r"[A-Za-z0-9]+", text))


def _tags(muse: Muse) -> list[str]:
    if muse.story:
        return [
            "#TinyHistories",
            _tag(muse.story.name),
            "#DidYouKnow",
            "#History",
            _tag(muse.story.place.split(",")[0]),
        ]
    return ["#ASMR", _tag(muse.craft.name), "#Handmade", _tag(muse.material), _tag(muse.mood + " craft")]


def _hashtag(muse: Muse, index: int) -> str:
    tags = _tags(muse)
    return tags[index % len(tags)]


def _caption(muse: Muse, _index: int = 0) -> str:
    greeting = muse.dice.choice(phrases.GREETINGS)
    tags = " ".join(_tags(muse)[: muse.dice.choice((3, 4, 5))])
    if muse.story:
        return f"{muse.story.hook} {muse.dice.choice(['🕰️', '📜', '🔎', '💡'])} {muse.story.facts[2]} {tags}"
    return (
        f"{_upper(muse.act)} {_article(muse.thing)} from {muse.material} {muse.craft.emoji} "
        f"{muse.craft.fact} {greeting} 🎧 {tags}"
    )


def _context(muse: Muse, _index: int = 0) -> str:
    if muse.story:
        return f"{muse.story.place}. {muse.story.facts[0]} {muse.story.facts[1]}"
    return f"{muse.craft.fact} The work is shown as it is done in {muse.place}, without costume and without hurry."


def _place(muse: Muse, _index: int = 0) -> str:
    return f"{_upper(muse.place)}, {muse.light}, {muse.dice.choice(phrases.TEXTURES)} close to the lens."


def _sound(muse: Muse, _index: int = 0) -> str:
    first, second = muse.dice.sample(muse.craft.sounds, 2)
    return f"{_upper(first)}, then {second}; room tone of {muse.place}, no music, no voice."


def _hook(muse: Muse, _index: int = 0) -> str:
    if muse.story:
        return muse.story.hook
    return f"Listen: {muse.dice.choice(muse.craft.sounds)}."


def _narration(muse: Muse, _index: int = 0) -> str:
    """Whole sentences, as many as fit into the words that the request allows."""
    sentences: tuple[str, ...] = (
        f"This is {muse.craft.name}.",
        f"{_upper(muse.material)}, two hands, and time.",
        muse.craft.fact,
        f"In the end there is {_article(muse.thing)}, and somebody who will use it.",
    )
    if muse.story:
        sentences = (muse.story.hook, *muse.story.facts)
    said = _MOST_WORDS.findall(muse.text)
    kept = sentences[0]
    for sentence in sentences[1:]:
        if said and len(kept.split()) + len(sentence.split()) > int(said[-1]):
            break
        kept = f"{kept} {sentence}"
    return kept


_STAGES: Final = (
    ("Opening shot", "before anything has begun", "the first touch of the tool"),
    ("Second shot", "in the middle of the work", "the shape starting to show"),
    ("Closing shot", "when the last move is made", "the finished piece being set down"),
    ("Detail shot", "between two moves", "one small correction"),
    ("Return shot", "after a pause", "the rhythm found again"),
)


def _video_prompt(muse: Muse, index: int = 0) -> str:
    """Between 100 and 200 words, well under 1500 characters."""
    stage, when, event = _STAGES[index % len(_STAGES)]
    dice = muse.dice
    camera, texture, other = dice.choice(phrases.CAMERAS), *dice.sample(phrases.TEXTURES, 2)
    act, material, thing = muse.act, muse.material, muse.thing
    if muse.story:
        what = f"{stage} for a tiny history of {muse.story.name}, {when}, set in {muse.story.place}."
        what = f"{what} {muse.story.facts[index % 3]}"
        focus = (
            "The object itself stays in the middle of the frame, lit like a museum piece that is still in daily use."
        )
    else:
        what = f"{stage} of {muse.craft.name}, {when}: {act} {_article(thing)} from {material} in {muse.place}."
        focus = (
            f"The frame holds on {event}, and {material} moves the way the real material would, with weight and grain."
        )
    sentences = (
        what,
        f"Vertical nine by sixteen frame, {camera}, natural speed, no cuts inside the shot.",
        f"The light is {muse.light}, with soft falloff and deep but open shadows.",
        focus,
        f"Surfaces show {texture} and {other}, rendered sharp in the plane of focus and creamy behind it.",
        "Only hands and forearms are visible, calm and practised: no faces, no lettering, no logos, no captions.",
        f"Colour stays {muse.mood} and true, like film stock with fine grain, one accent hue repeated in every shot.",
        "Keep the same bench, the same clothes and the same weather as in the other shots, so that all join into one.",
    )
    return " ".join(sentences)


def _audio_prompt(muse: Muse, index: int = 0) -> str:
    sound = muse.craft.sounds[index % len(muse.craft.sounds)]
    return (
        f"Close stereo microphones: {sound}, {muse.mood} tempo, quiet room tone of {muse.place}, "
        f"no music, no speech, gentle fade at both ends."
    )


def _negative(_muse: Muse, _index: int = 0) -> str:
    return "text, captions, logos, watermark, faces, extra fingers, flicker, fast cuts"


def _reason(_muse: Muse, _index: int = 0) -> str:
    return f"The text holds the mark {UNSAFE_MARK}, which stands for something a brand would not want beside it."


_BY_NAME: Final[tuple[tuple[tuple[str, ...], Callable[[Muse, int], str]], ...]] = (
    (("negative",), _negative),
    (("video_prompt", "visual", "shot"), _video_prompt),
    (("audio_prompt",), _audio_prompt),
    (("hashtag", "tags"), _hashtag),
    (("caption", "post_text"), _caption),
    (("title", "headline"), _title),
    (("idea", "concept_text", "premise", "summary", "description"), _idea),
    (("cultur", "context", "background"), _context),
    (("environment", "setting", "location", "place", "scene"), _place),
    (("sound", "audio", "asmr"), _sound),
    (("hook",), _hook),
    (("narration", "voice", "script"), _narration),
    (
        ("topic", "subject", "craft", "theme"),
        lambda muse, _i: muse.story.name if muse.story else f"{muse.craft.name}: {muse.subject}",
    ),
    (("mood", "tone", "style"), lambda muse, _i: muse.mood),
    (("light",), lambda muse, _i: muse.light),
    (("camera",), lambda muse, _i: muse.dice.choice(phrases.CAMERAS)),
    (("reason", "issue", "concern", "violation"), _reason),
    (("prompt",), _video_prompt),
    (("concept",), _idea),
)
