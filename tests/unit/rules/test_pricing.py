"""What a request may cost and did cost."""

from decimal import Decimal
from typing import Any

import pytest

from dayreel.errors import ConfigurationError
from dayreel.rules.pricing import described, most_tokens_cost, narration_price, tokens_cost, video_cost
from dayreel.vendors.models import Price, TextModel, VideoModel, Voice


def text(*tiers: dict[str, Any]) -> TextModel:
    return TextModel(provider="anthropic", model="m", family="llm", price=[Price(**tier) for tier in tiers])


def video(*tiers: dict[str, Any], sound: Any = True) -> VideoModel:
    prices = [Price(**tier) for tier in tiers]
    sizes = ["480p", "720p", "1080p"]
    return VideoModel(provider="fal", model="v", family="video", resolutions=sizes, sound=sound, price=prices)


TOKENS = text({"input_per_mtok_usd": "2", "output_per_mtok_usd": "10"})
SECONDS = video({"resolution": "720p", "per_second_usd": "0.10"}, {"resolution": "480p", "per_second_usd": "0.05"})


def test_tokens_cost_what_the_list_says() -> None:
    assert tokens_cost(TOKENS, input_tokens=1000, output_tokens=500) == Decimal("0.007000")


def test_a_long_question_costs_what_its_tier_says() -> None:
    short = {"up_to_input_tokens": 100, "input_per_mtok_usd": "1", "output_per_mtok_usd": "1"}
    long = {"input_per_mtok_usd": "5", "output_per_mtok_usd": "5"}
    assert tokens_cost(text(short, long), input_tokens=100, output_tokens=0) == Decimal("0.0001")
    assert tokens_cost(text(short, long), input_tokens=101, output_tokens=0) == Decimal("0.000505")
    with pytest.raises(ConfigurationError, match=r"no price for a question of 101 tokens.*up to 100 tokens"):
        tokens_cost(text(short), input_tokens=101, output_tokens=0)


def test_a_part_of_a_millionth_is_rounded_up() -> None:
    cheap = text({"input_per_mtok_usd": "0.10", "output_per_mtok_usd": "10"})
    assert tokens_cost(cheap, input_tokens=1, output_tokens=0) == Decimal("0.000001")
    assert tokens_cost(cheap, input_tokens=0, output_tokens=0) == 0


def test_seconds_cost_what_the_list_says() -> None:
    assert video_cost(SECONDS, duration_s=5, resolution="720p") == Decimal("0.5")


def test_the_first_tier_that_applies_holds() -> None:
    tiers = (
        {"resolution": "1080p", "sound": True, "per_second_usd": "0.08"},
        {"duration_s": 6, "per_video_usd": "0.28"},
        {"sound": False, "per_second_usd": "0.03"},
    )
    row = video(*tiers, sound=("1080p",))
    assert video_cost(row, duration_s=5, resolution="1080p") == Decimal("0.4")
    assert video_cost(row, duration_s=6, resolution="720p") == Decimal("0.28")
    assert video_cost(row, duration_s=10, resolution="720p") == Decimal("0.3")


@pytest.mark.parametrize("prompt", ["", "clay " * 600, "粘土の壺 " * 300, "🏺🫖" * 200, "1 2 3 4 5 6 7 8 9"])
def test_the_reservation_covers_every_byte_and_the_full_answer(prompt: str) -> None:
    most = most_tokens_cost(TOKENS, prompt=prompt, max_tokens=2000)
    assert most >= tokens_cost(TOKENS, input_tokens=len(prompt.encode()), output_tokens=2000)


def test_a_resolution_without_a_price_names_those_that_have_one() -> None:
    with pytest.raises(ConfigurationError, match=r"no price for 5 seconds at '1080p' with sound.*at 720p.*at 480p"):
        video_cost(SECONDS, duration_s=5, resolution="1080p")


def test_a_price_of_the_other_kind_is_refused() -> None:
    voice = Voice(provider="acme", model="ana", family="speech", price=[Price(per_mchar_usd=Decimal(16))])
    with pytest.raises(ConfigurationError, match=r"no price for a question.*\$16 per million characters"):
        tokens_cost(voice, input_tokens=1, output_tokens=1)
    with pytest.raises(ConfigurationError, match="no price for a narration"):
        narration_price(TOKENS, "a")


def test_a_tier_is_described_with_its_conditions() -> None:
    tier = Price(resolution="1080p", sound=True, duration_s=6, per_video_usd=Decimal("0.28"))
    assert described(tier) == "$0.28 a video at 1080p of 6 seconds with sound"
