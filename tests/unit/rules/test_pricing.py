"""What a request may cost and did cost."""

from datetime import date
from decimal import Decimal

import pytest

from dayreel.errors import ConfigurationError
from dayreel.rules.pricing import most_tokens_cost, seconds_cost, tokens_cost
from dayreel.schemas.price import Price

SAID = {"source": "a page", "checked_on": date(2026, 11, 20)}
TOKENS = Price(provider="anthropic", model="m", input_per_mtok_usd=Decimal(2), output_per_mtok_usd=Decimal(10), **SAID)
SECONDS = Price(provider="fal", model="v", per_second_usd={"720p": Decimal("0.10"), "480p": Decimal("0.05")}, **SAID)


def test_tokens_cost_what_the_list_says() -> None:
    assert tokens_cost(TOKENS, input_tokens=1000, output_tokens=500) == Decimal("0.007000")


def test_a_part_of_a_millionth_is_rounded_up() -> None:
    cheap = TOKENS.model_copy(update={"input_per_mtok_usd": Decimal("0.10")})
    assert tokens_cost(cheap, input_tokens=1, output_tokens=0) == Decimal("0.000001")
    assert tokens_cost(cheap, input_tokens=0, output_tokens=0) == 0


def test_seconds_cost_what_the_list_says() -> None:
    assert seconds_cost(SECONDS, duration_s=5, resolution="720p") == Decimal("0.5")


@pytest.mark.parametrize("prompt", ["", "clay " * 600, "粘土の壺 " * 300, "🏺🫖" * 200, "1 2 3 4 5 6 7 8 9"])
def test_the_reservation_covers_every_byte_and_the_full_answer(prompt: str) -> None:
    most = most_tokens_cost(TOKENS, prompt=prompt, max_tokens=2000)
    assert most >= tokens_cost(TOKENS, input_tokens=len(prompt.encode()), output_tokens=2000)


def test_a_resolution_without_a_price_names_those_that_have_one() -> None:
    with pytest.raises(ConfigurationError, match=r"no price for '1080p'.*480p, 720p"):
        seconds_cost(SECONDS, duration_s=5, resolution="1080p")


def test_a_price_of_the_other_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not priced by seconds"):
        seconds_cost(TOKENS, duration_s=5, resolution="720p")
    with pytest.raises(ConfigurationError, match="not priced by tokens"):
        tokens_cost(SECONDS, input_tokens=1, output_tokens=1)
