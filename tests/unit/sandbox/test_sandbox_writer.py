"""The instances the stand-in models write: their shape comes from the schema, their words from the field names."""

from datetime import date, timedelta
from itertools import combinations
from typing import Any

import pytest
from rapidfuzz.fuzz import token_set_ratio

from dayreel.sandbox.speech import SsmlRequest, words_of
from dayreel.sandbox.writer import write
from dayreel.schemas.content import Idea, PromptSet


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_limits_of_lists_and_strings_hold() -> None:
    schema = an_object(
        caption={"type": "string", "maxLength": 40},
        title={"type": "string", "minLength": 200},
        hashtags={"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3},
        steps={"type": "array", "items": {"type": "integer"}, "minItems": 7},
    )
    made = write(schema, "anything")
    assert len(made["caption"]) <= 40
    assert len(made["title"]) >= 200
    assert 2 <= len(made["hashtags"]) <= 3
    assert len(made["steps"]) == 7


def test_limits_the_sdk_moved_into_the_description_apply_too() -> None:
    schema = an_object(caption={"type": "string", "description": "short\n\n{minLength: 3, maxLength: 30}"})
    assert len(write(schema, "anything")["caption"]) <= 30


def test_references_alternatives_and_enums_are_followed() -> None:
    schema = {
        "$defs": {"Mood": {"type": "string", "enum": ["calm", "loud"]}, "Leaf": an_object(n={"type": "integer"})},
        **an_object(
            mood={"$ref": "#/$defs/Mood"},
            leaf={"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Leaf"}]},
            kind={"const": "idea"},
            when={"type": "string", "format": "date"},
        ),
    }
    made = write(schema, "for 2026-11-20")
    assert made["mood"] in ("calm", "loud")
    assert isinstance(made["leaf"]["n"], int)
    assert (made["kind"], made["when"]) == ("idea", "2026-11-20")


def test_a_channel_that_does_not_speak_gets_no_narration() -> None:
    schema = an_object(narration={"anyOf": [{"type": "string"}, {"type": "null"}]})
    assert write(schema, "narration: off")["narration"] is None
    assert write(schema, "narration: voice")["narration"]


@pytest.mark.parametrize("topic", ["ASMR crafts", "tiny histories of everyday things"])
def test_ninety_days_of_a_channel_have_no_near_duplicates(topic: str) -> None:
    """So many days a channel compares with, unless its file says otherwise; like dayreel, each request names thirty."""
    ideas: list[str] = []
    for day in (date(2026, 9, 1) + timedelta(days=number) for number in range(200)):
        asked = "\n- ".join([f"{topic}, for {day} ({day:%A}). Earlier ideas:", *ideas[-30:]])
        ideas.append(write(Idea.model_json_schema(), asked)["idea"])
    assert all(len(set(ideas[first : first + 91])) == 91 for first in range(len(ideas) - 90))
    assert [pair for pair in combinations(ideas[:91], 2) if token_set_ratio(*pair) >= 88] == []


def test_another_take_and_another_channel_have_another_subject() -> None:
    first = write(Idea.model_json_schema(), "ASMR crafts, for 2026-11-20")
    take = write(Idea.model_json_schema(), f"ASMR crafts, for 2026-11-20. Not this: {first['idea']}")
    channel = write(Idea.model_json_schema(), "Slow crafts, for 2026-11-20")
    assert len({first["topic"], take["topic"], channel["topic"]}) == 3


@pytest.mark.parametrize("topic", ["ASMR crafts", "tiny histories of everyday things"])
def test_prompts_are_for_the_idea_that_they_are_asked_for(topic: str) -> None:
    for day in range(1, 29):
        idea = write(Idea.model_json_schema(), f"{topic}, for 2026-02-{day:02d}")
        asked = f"count: 3\nThe idea: {idea['idea']}\nScene: {idea['environment']}"
        prompts = write(PromptSet.model_json_schema(), asked)["prompts"]
        assert len({prompt["video_prompt"] for prompt in prompts}) == 3
        for prompt in prompts:
            assert idea["topic"] in prompt["video_prompt"]
            assert idea["sound_concept"] in prompt["audio_prompt"]
            assert 100 <= len(prompt["video_prompt"].split()) <= 200
            assert len(prompt["video_prompt"]) <= 1500


def test_a_history_is_written_as_one() -> None:
    made = write(an_object(narration={"type": "string"}, topic={"type": "string"}), "tiny histories, for 2026-11-20")
    assert len(made["narration"].split()) > 20
    assert made["topic"]


@pytest.mark.parametrize("topic", ["ASMR crafts", "tiny histories of everyday things"])
def test_a_narration_stays_within_its_word_limit_on_every_day(topic: str) -> None:
    for day in range(1, 29):
        asked = f"{topic}, for 2026-02-{day:02d}. The narration is spoken over the video: at most 34 words, no more."
        narration = write(an_object(narration={"type": "string"}), asked)["narration"]
        last = words_of(SsmlRequest(narration, "en-GB-SoniaNeural", 1.0))[-1]
        assert 10 < len(narration.split()) <= 34
        assert last.start_s + last.duration_s < 15 * 1.15
