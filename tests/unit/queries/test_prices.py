"""What a day and a segment are expected to cost, before anybody is asked for money."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from dayreel.errors import ConfigurationError
from dayreel.queries.prices import expected_day_cost, expected_segment_cost, known_day_cost
from dayreel.services.project import Project
from dayreel.stores.channel_files import ChannelFiles
from tests.fakes.project import channel_of, write_channel

ROOT = Path(__file__).parents[3]


def test_a_day_is_its_segments_and_its_questions(make_project: Callable[..., Project]) -> None:
    project = make_project()
    channel = channel_of(project)
    segment = expected_segment_cost(project, channel)
    assert segment == Decimal("0.50"), "five seconds of the channel's model"
    assert 3 * segment < expected_day_cost(project, channel) < 3 * segment + Decimal("0.10")
    assert known_day_cost(project, "crafts") == expected_day_cost(project, channel)


def test_the_sample_channel_costs_less_than_a_dollar_a_video(make_project: Callable[..., Project]) -> None:
    sample = ChannelFiles(ROOT / "channels").load("asmr_crafts")
    assert Decimal("0.75") < expected_day_cost(make_project(), sample) < 1


def test_own_footage_costs_nothing(make_project: Callable[..., Project]) -> None:
    video = {"provider": "clips", "folder": "clips"}
    ideas = {"provider": "calendar", "file": "days.csv"}
    project = make_project(channels={"crafts": {"video": video, "ideas": ideas, "prompts": None}})
    assert expected_day_cost(project, channel_of(project)) == 0


def test_a_model_without_a_price_has_no_known_cost(make_project: Callable[..., Project]) -> None:
    project = make_project(channels={"crafts": {"ideas": {"provider": "anthropic", "model": "claude-of-tomorrow"}}})
    with pytest.raises(ConfigurationError, match="claude-of-tomorrow"):
        expected_day_cost(project, channel_of(project))
    assert known_day_cost(project, "crafts") is None
    write_channel(project.settings.root, "crafts", title=3)
    assert known_day_cost(project, "crafts") is None


def test_seconds_of_speech_cost_what_they_usually_take(make_project: Callable[..., Project]) -> None:
    """And not what is reserved for it, four times as much."""
    voice = {"provider": "openai_speech", "model": "gpt-4o-mini-tts", "voice": "coral"}
    project = make_project()
    silent = expected_day_cost(project, channel_of(project))
    write_channel(project.settings.root, "crafts", narration=voice)
    assert expected_day_cost(project, channel_of(project)) - silent == Decimal("0.004")
