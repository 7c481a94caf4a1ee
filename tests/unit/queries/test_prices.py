"""What a day and a segment are expected to cost, before anybody is asked for money."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from dayreel.errors import ConfigurationError
from dayreel.queries.prices import expected_day_cost, expected_segment_cost, known_day_cost
from dayreel.services.studio import Studio
from tests.fakes.studio import channel_of, write_channel


def test_a_day_is_its_segments_and_its_questions(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio()
    channel = channel_of(studio)
    segment = expected_segment_cost(studio, channel)
    assert segment == Decimal("0.50"), "five seconds of the channel's model"
    assert 3 * segment < expected_day_cost(studio, channel) < 3 * segment + Decimal("0.10")
    assert known_day_cost(studio, "crafts") == expected_day_cost(studio, channel)


def test_own_footage_costs_nothing(make_studio: Callable[..., Studio]) -> None:
    video = {"provider": "clips", "folder": "clips"}
    ideas = {"provider": "calendar", "file": "days.csv"}
    studio = make_studio(channels={"crafts": {"video": video, "ideas": ideas, "prompts": None}})
    assert expected_day_cost(studio, channel_of(studio)) == 0


def test_a_model_without_a_price_has_no_known_cost(make_studio: Callable[..., Studio]) -> None:
    studio = make_studio(channels={"crafts": {"ideas": {"provider": "anthropic", "model": "claude-of-tomorrow"}}})
    with pytest.raises(ConfigurationError, match="claude-of-tomorrow"):
        expected_day_cost(studio, channel_of(studio))
    assert known_day_cost(studio, "crafts") is None
    write_channel(studio.settings.root, "crafts", title=3)
    assert known_day_cost(studio, "crafts") is None
