"""What a request may cost at most and what it did cost. Pure; the price is handed in."""

from decimal import ROUND_UP, Decimal

from dayreel.errors import ConfigurationError
from dayreel.schemas.price import Price

_MILLION = Decimal(1_000_000)
# What a vendor wraps around a question with a schema, on the safe side.
_WRAPPING_TOKENS = 500


def _up(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"), rounding=ROUND_UP)


def tokens_cost(price: Price, *, input_tokens: int, output_tokens: int) -> Decimal:
    """Return the cost of so many tokens, rounded up to a millionth of a dollar.

    Raises:
        ConfigurationError: this model is not priced by tokens.
    """
    if price.input_per_mtok_usd is None or price.output_per_mtok_usd is None:
        raise _wrong_kind(price, "tokens")
    return _up((price.input_per_mtok_usd * input_tokens + price.output_per_mtok_usd * output_tokens) / _MILLION)


def most_tokens_cost(price: Price, *, prompt: str, max_tokens: int) -> Decimal:
    """Return the most that a question can cost: every byte of it a token, and its whole answer budget used up.

    English has about four bytes a token, other scripts and emoji fewer, and none more tokens than bytes.
    """
    input_tokens = len(prompt.encode()) + _WRAPPING_TOKENS
    return tokens_cost(price, input_tokens=input_tokens, output_tokens=max_tokens)


def seconds_cost(price: Price, *, duration_s: float, resolution: str) -> Decimal:
    """Return the cost of a generated video.

    Raises:
        ConfigurationError: this model has no price for this resolution.
    """
    if price.per_second_usd is None:
        raise _wrong_kind(price, "seconds")
    per_second = price.per_second_usd.get(resolution)
    if per_second is None:
        raise ConfigurationError(
            f"{price.provider} model {price.model!r} has no price for {resolution!r}.",
            next_step=f"Priced are: {', '.join(sorted(price.per_second_usd))}. Add it to prices.yaml with its source.",
        )
    return _up(per_second * Decimal(str(duration_s)))


def characters_cost(price: Price, text: str) -> Decimal:
    """Return the most that a spoken text can cost: some vendors count characters, some bytes, and none more than bytes.

    Raises:
        ConfigurationError: this voice is not priced by characters.
    """
    if price.per_mchar_usd is None:
        raise _wrong_kind(price, "characters")
    return _up(price.per_mchar_usd * len(text.encode()) / _MILLION)


def _wrong_kind(price: Price, unit: str) -> ConfigurationError:
    return ConfigurationError(
        f"{price.provider} model {price.model!r} is not priced by {unit}.", next_step="Fix its row in prices.yaml."
    )


def usd(amount: Decimal) -> str:
    """Return dollars to the cent, or to a hundredth of one where that is all there is: `$0.42`, `$0.0031`."""
    return f"${amount:.4f}" if 0 < amount < Decimal("0.01") else f"${amount:.2f}"
