"""Models: the packaged rows, a package's, the project's own over both, and what one without a price leads to."""

from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from dayreel.errors import ConfigurationError
from dayreel.rules.pricing import tokens_cost, video_cost
from dayreel.stores.channel_files import ChannelFiles
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.models import AnyModel, TextModel, VideoModel
from dayreel.vendors.registry import names

ROOT = Path(__file__).parents[3]
SHIPPED = [model for provider in names() for model in ModelList(Path("nowhere")).of(provider)]
WAN = "fal-ai/wan-25-preview/text-to-video"
OLD = f'- {{provider: fal, model: {WAN}, source: contract, checked_on: 2026-11-20, per_second_usd: {{720p: "0.07"}}}}\n'
OWN = """
- provider: fal
  family: video
  model: acme/brand-new/text-to-video
  durations_s: [5]
  resolutions: [720p]
  fields: {resolution: null, seed: seed}
  constants: {tier: quick}
  price: {per_second_usd: "0.02"}
  source: its page
  checked_on: 2026-12-01
"""


@pytest.mark.parametrize("row", SHIPPED, ids=lambda row: row.model)
def test_every_shipped_row_can_be_asked_for_and_paid(row: AnyModel) -> None:
    assert set(row.model_dump(exclude_unset=True)) - {"provider", "family", "model", "sources"} == set(row.sources)
    for source in row.sources.values():
        assert source.checked_on <= date.today()  # noqa: DTZ011  any zone's today will do
    assert set(row.replaced_by) <= set(ModelList(ROOT).names(row.provider))
    if isinstance(row, VideoModel):
        assert row.durations_s
        assert row.resolutions
        assert "9:16" in row.aspect_ratios or "aspect_ratio" not in row.fields
        for duration_s, resolution in product(row.durations_s if row.price else (), row.resolutions):
            is_free = video_cost(row, duration_s=duration_s, resolution=resolution) == 0
            assert is_free == (row.provider == "comfyui")
    if isinstance(row, TextModel) and row.price:
        assert tokens_cost(row, input_tokens=900_000, output_tokens=1) > tokens_cost(
            row, input_tokens=9, output_tokens=1
        )


def test_every_sample_model_can_be_used() -> None:
    models = ModelList(ROOT)
    for channel in ChannelFiles(ROOT / "channels").load_all().values():
        for part in (channel.ideas, channel.prompts, channel.video):
            if part is not None and part.model is not None:
                assert models.priced(part.provider, part.model).price


def test_haiku_is_booked_by_the_tier_that_applies() -> None:
    haiku = ModelList(ROOT).priced("anthropic", "claude-haiku-5-5")
    assert tokens_cost(haiku, input_tokens=3000, output_tokens=1000) == Decimal("0.0008")
    assert tokens_cost(haiku, input_tokens=200_000, output_tokens=1000) == Decimal("0.1025")


def test_a_project_s_price_leaves_our_limits_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(OLD)
    wan = ModelList(tmp_path).video("fal", WAN)
    assert video_cost(wan, duration_s=5, resolution="720p") == Decimal("0.35")
    assert wan.prompt_limit == 1500
    assert wan.sources["price"].source == "contract"
    assert wan.sources["prompt_limit"].source.startswith("fal's")
    (tmp_path / "models.yaml").write_text(OLD.replace("per_second_usd: {720p:", "price: {per_second_usd:"))
    assert video_cost(ModelList(tmp_path).video("fal", WAN), duration_s=5, resolution="1080p") == Decimal("0.35")


def test_an_old_price_of_a_size_that_is_not_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(OLD.replace("{720p:", '{4k: "0.50", 720p:'))
    assert video_cost(ModelList(tmp_path).video("fal", WAN), duration_s=5, resolution="720p") == Decimal("0.35")


def test_an_old_price_of_a_model_nobody_knows_is_kept(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(OLD.replace(WAN, "fal-ai/unknown"))
    models = ModelList(tmp_path)
    assert models.priced("fal", "fal-ai/unknown").price
    with pytest.raises(ConfigurationError, match=r"Nothing is known of what the fal model 'fal-ai/unknown' takes"):
        models.video("fal", "fal-ai/unknown")


def test_a_row_of_the_project_is_a_model_like_ours(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(OWN)
    row = ModelList(tmp_path).video("fal", "acme/brand-new/text-to-video")
    assert row.fields == {"prompt": "prompt", "duration": "duration", "aspect_ratio": "aspect_ratio", "seed": "seed"}
    assert ModelList(tmp_path).names("fal")[-1] == row.model


def test_a_model_without_a_price_names_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"openai model 'gpt-7' has no price.*gpt-6-luna"):
        ModelList(tmp_path).priced("openai", "gpt-7")
    with pytest.raises(ConfigurationError, match=r"v2.6/text-to-video' has no price.*models.yaml"):
        ModelList(tmp_path).priced("fal", "wan/v2.6/text-to-video")


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("prices.yaml", "- {provider: fal, model: x}", "a price is per million tokens"),
        ("prices.yaml", "- {provider: acme, model: x, per_second_usd: 1}", "sources.price.source"),
        ("prices.yaml", OLD.replace("per_second_usd", "per_minute_usd"), "a price is per million tokens"),
        ("prices.yaml", OLD.rstrip()[:-1] + ', input_per_mtok_usd: "1"}', "a price is per million tokens"),
        ("prices.yaml", "prices: [", "prices.yaml:1: file: expected the node content"),
        ("prices.yaml", "just words", "'j' is not a row"),
        ("prices.yaml", "7", "int"),
        ("models.yaml", "- {provider: fal, family: video}", "'model'"),
        ("models.yaml", OWN.replace("family: video", "family: film"), "film"),
        ("models.yaml", OWN.replace("  source: its page\n", ""), "sources.price.source"),
        ("models.yaml", OWN.replace("durations_s", "duration"), "duration"),
        ("models.yaml", OWN.replace('"0.02"', '"0.02", resolution: 4k'), "price names 4k"),
        ("models.yaml", OWN + "  sound: [1080p]\n", "sound names 1080p"),
        ("models.yaml", OWN + "  needs: [first_frame]\n", "it needs first_frame and has no field"),
        ("models.yaml", OWN.replace('per_second_usd: "0.02"', "input_per_mtok_usd: 1"), "a price is per million"),
    ],
)
def test_a_list_that_cannot_be_used_says_what_is_wrong(file: str, text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(ConfigurationError, match=rf"Tried to read the models in '{file}'") as trouble:
        ModelList(tmp_path)
    assert words in str(trouble.value)


def test_an_empty_list_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text("# nothing yet\n")
    assert ModelList(tmp_path).find("fal", WAN) == ModelList(tmp_path / "without").find("fal", WAN)
