"""Prices: the packaged ones, the project's own over them, and a model without one."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dayreel.errors import ConfigurationError
from dayreel.stores.channel_files import ChannelFiles
from dayreel.stores.price_list import load_prices

ROOT = Path(__file__).parents[3]
OWN = (
    "- {provider: fal, model: fal-ai/wan-25-preview/text-to-video, source: contract, checked_on: 2026-11-20,"
    ' per_second_usd: {720p: "0.07"}}\n'
)


def test_every_sample_model_has_a_sourced_and_dated_price() -> None:
    prices = load_prices(ROOT)
    for channel in ChannelFiles(ROOT / "channels").load_all().values():
        for source in (channel.ideas, channel.prompts, channel.video):
            if source is not None and source.model is not None:
                price = prices.of(source.provider, source.model)
                assert price.source
                assert price.checked_on <= date.today()  # noqa: DTZ011  any zone's today will do


def test_money_is_read_exactly(tmp_path: Path) -> None:
    price = load_prices(tmp_path).of("fal", "fal-ai/wan-25-preview/text-to-video")
    assert price.per_second_usd is not None
    assert price.per_second_usd["720p"] == Decimal("0.10")


def test_the_projects_own_row_wins_over_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(OWN)
    prices = load_prices(tmp_path)
    assert prices.of("fal", "fal-ai/wan-25-preview/text-to-video").per_second_usd == {"720p": Decimal("0.07")}
    assert prices.of("anthropic", "claude-sonnet-5-5").output_per_mtok_usd == Decimal(10)


def test_a_model_without_a_price_names_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"openai model 'gpt-7' has no price.*gpt-6-luna"):
        load_prices(tmp_path).of("openai", "gpt-7")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- {provider: fal, model: x}", "source"),
        ("- {provider: acme, model: x, source: s, checked_on: 2026-11-20}", "provider"),
        ("- {provider: fal, model: x, source: s, checked_on: 2026-11-20}", "a price is per million tokens"),
        (OWN.replace("per_second_usd", "per_minute_usd"), "per_minute_usd"),
        (OWN.rstrip()[:-1] + ', input_per_mtok_usd: "1", output_per_mtok_usd: "1"}', "a price is per million tokens"),
        ("prices: [", "prices.yaml:1: file: expected the node content"),
        ("just words", "Price"),
        ("7", "int"),
    ],
)
def test_a_list_that_cannot_be_used_says_what_is_wrong(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"Tried to read the prices in 'prices\.yaml'") as trouble:
        load_prices(tmp_path)
    assert words in str(trouble.value)


def test_an_empty_list_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("# nothing yet\n")
    model = ("openai", "gpt-6-luna")
    assert load_prices(tmp_path).of(*model) == load_prices(tmp_path / "without").of(*model)
