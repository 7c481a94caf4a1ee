"""What a request may cost at most and what it did cost. Pure; the model's row is handed in."""

from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

from dayreel.errors import ConfigurationError
from dayreel.vendors.models import ModelRow, Price, VideoModel

_MILLION = Decimal(1_000_000)
# What a vendor wraps around a question with a schema, on the safe side.
_WRAPPING_TOKENS = 500
# Bytes a second, a quarter of what is usual: so slow nobody speaks, unless asked to.
_SLOWEST_SPEECH = 4


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"), rounding=ROUND_UP)


def tokens_cost(
    model: ModelRow, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0, cache_write_tokens: int = 0
) -> Decimal:
    """Return the cost of so many tokens, rounded up to a millionth of a dollar.

    Args:
        input_tokens: all of the question; `cached_tokens` of them were read from the vendor's cache and
            `cache_write_tokens` written into it. Without a price of their own they cost what the others do.
        output_tokens: all of the answer, thinking included.

    Raises:
        ConfigurationError: this model is not priced by tokens, or not for so long a question.
    """
    for tier in model.price:
        per_input, per_output = tier.input_per_mtok_usd, tier.output_per_mtok_usd
        if per_input is None or per_output is None:
            continue
        if tier.up_to_input_tokens is None or input_tokens <= tier.up_to_input_tokens:
            per_cached = per_input if tier.cached_input_per_mtok_usd is None else tier.cached_input_per_mtok_usd
            per_write = per_input if tier.cache_write_per_mtok_usd is None else tier.cache_write_per_mtok_usd
            asked = per_input * (input_tokens - cached_tokens - cache_write_tokens)
            asked += per_cached * cached_tokens + per_write * cache_write_tokens
            return _up((asked + per_output * output_tokens) / _MILLION)
    raise _unpriced(model, f"a question of {input_tokens} tokens")


def most_input_tokens(prompt: str) -> int:
    """Return the most tokens that a question can have: one a byte.

    English has about four bytes a token, other scripts and emoji fewer, and none more tokens than bytes.
    """
    return len(prompt.encode()) + _WRAPPING_TOKENS


def most_tokens_cost(model: ModelRow, *, prompt: str, max_tokens: int) -> Decimal:
    """Return the most that a question can cost: all of it written into a cache, and its whole answer budget used up."""
    input_tokens = most_input_tokens(prompt)
    costs = (
        tokens_cost(model, input_tokens=input_tokens, output_tokens=max_tokens, cache_write_tokens=written)
        for written in (0, input_tokens)
    )
    return max(costs)


def video_cost(model: VideoModel, *, duration_s: int, resolution: str) -> Decimal:
    """Return the cost of a generated video, with sound where the model makes it.

    Raises:
        ConfigurationError: this model has no price for such a video.
    """
    with_sound = model.has_sound(resolution)
    for tier in model.price:
        applies = (
            (not model.resolutions or resolution in model.resolutions)
            and tier.resolution in (None, resolution)
            and tier.sound in (None, with_sound)
            and tier.duration_s in (None, duration_s)
        )
        if applies and tier.per_video_usd is not None:
            return _up(tier.per_video_usd)
        if applies and tier.per_second_usd is not None:
            return _up(tier.per_second_usd * duration_s)
    sound = "with sound" if with_sound else "without sound"
    raise _unpriced(model, f"{duration_s} seconds at {resolution!r} {sound}")


def narration_price(model: ModelRow, text: str, duration_s: float | None = None, *, rate: str = "+0%") -> Decimal:
    """Return the most that a spoken text can cost: some vendors count characters, some bytes, and none more than bytes.

    Args:
        duration_s: how long it has become, for voices that are billed by the second; None before it is spoken.
        rate: faster or slower than the voice's own speed, like `-50%`, while that is None.

    Raises:
        ConfigurationError: this voice is not priced by characters or seconds.
    """
    for tier in model.price:
        if tier.per_mchar_usd is not None:
            return _up(tier.per_mchar_usd * len(text.encode()) / _MILLION)
        if tier.per_video_usd is not None:
            return _up(tier.per_video_usd)
        if tier.per_second_usd is not None:
            percent = min(100, max(1, 100 + int(rate.removesuffix("%"))))
            longest_s = Decimal(len(text.encode())) / _SLOWEST_SPEECH * 100 / percent
            return _up(tier.per_second_usd * (longest_s if duration_s is None else Decimal(str(duration_s))))
    raise _unpriced(model, "a narration")


def described(price: Price) -> str:
    """Return a tier in words: "$0.05 a second at 480p"."""
    return "".join(_words_of(price))


def _words_of(price: Price) -> Iterator[str]:
    if price.input_per_mtok_usd is not None and price.output_per_mtok_usd is not None:
        yield f"${price.input_per_mtok_usd} in, ${price.output_per_mtok_usd} out per million tokens"
    units = {
        "a second": price.per_second_usd,
        "a video": price.per_video_usd,
        "per million characters": price.per_mchar_usd,
    }
    yield from (f"${amount} {unit}" for unit, amount in units.items() if amount is not None)
    if price.resolution is not None:
        yield f" at {price.resolution}"
    if price.duration_s is not None:
        yield f" of {price.duration_s} seconds"
    if price.sound is not None:
        yield " with sound" if price.sound else " without sound"
    if price.up_to_input_tokens is not None:
        yield f" up to {price.up_to_input_tokens:,} tokens of question"


def _unpriced(model: ModelRow, request: str) -> ConfigurationError:
    tiers = "; ".join(described(tier) for tier in model.price) or "nothing"
    return ConfigurationError(
        f"{model.provider} model {model.model!r} has no price for {request}.",
        next_step=f"Its row in models.yaml prices {tiers}. Add what is missing to your own, with its source.",
    )


def usd(amount: Decimal) -> str:
    """Return dollars to the cent, or to a hundredth of one where that is all there is: `$0.42`, `$0.0031`."""
    return f"${amount:.4f}" if 0 < amount < Decimal("0.01") else f"${amount:.2f}"
