"""The price list: the packaged `prices.yaml`, overlaid by one of the project's own. Its meaning: `rules.pricing`."""

from pathlib import Path

from pydantic import ValidationError

from dayreel.errors import ConfigurationError
from dayreel.schemas.price import Price
from dayreel.stores.yaml_documents import Unreadable, read_yaml

_PACKAGED = Path(__file__).parent / "prices.yaml"


class PriceList:
    """Prices by provider and model."""

    def __init__(self, prices: list[Price]) -> None:
        """Keep the prices; a later row replaces an earlier one of the same provider and model."""
        self._prices = {(price.provider, price.model): price for price in prices}

    def of(self, provider: str, model: str) -> Price:
        """Return the price of a model.

        Raises:
            ConfigurationError: nobody has said what it costs, so it cannot be used.
        """
        try:
            return self._prices[(provider, model)]
        except KeyError:
            known = sorted(name for vendor, name in self._prices if vendor == provider)
            raise ConfigurationError(
                f"{provider} model {model!r} has no price, so nothing can be reserved for it.",
                next_step=f"Add a row to prices.yaml with its source and date. Priced are: {', '.join(known)}.",
            ) from None


def load_prices(root: Path) -> PriceList:
    """Read the packaged list and the project's own `prices.yaml`, where there is one.

    Raises:
        ConfigurationError: a row cannot be used; names the file, the row and the field.
    """
    rows: list[Price] = []
    for path in (_PACKAGED, root / "prices.yaml"):
        if not path.is_file():
            continue
        try:
            _nodes, document = read_yaml(path)
            rows += [Price.model_validate(row) for row in document or ()]
        except (Unreadable, ValidationError, TypeError) as error:
            raise ConfigurationError(
                f"Tried to read the prices in {path.name!r}; it answered: {error}.",
                next_step="Each row needs provider, model, source, checked_on and a price, like the packaged ones.",
            ) from error
    return PriceList(rows)
