"""The models there are: the packaged `models.yaml`, rows of vendors' packages, and a project's own file over both.

A project's row is laid over ours fact by fact, so a price alone leaves the limits as they are. `prices.yaml`, where
prices stood before there was `models.yaml`, is still read, before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from dayreel.errors import ConfigurationError, UsageError
from dayreel.vendors.models import AnyModel, TextModel, VideoModel, laid_over, model_of, price_row
from dayreel.vendors.registry import vendor_named
from dayreel.yaml_documents import Unreadable, read_yaml

OWN_FILE: Final = "models.yaml"
OLD_FILE: Final = "prices.yaml"
_PACKAGED: Final = Path(__file__).parent / OWN_FILE
_ADD_A_ROW: Final = (
    f"Add a row to {OWN_FILE} in the project's root, with its source and date (docs/how-to/use-another-model.md)."
)
_Rows = dict[str, dict[str, Any]]
"""Rows of one provider by the name of the model, each made whole by `laid_over`."""


class ModelList:
    """Models by provider and name."""

    def __init__(self, root: Path) -> None:
        """Read a project's own rows.

        Raises:
            ConfigurationError: one cannot be used; names the file, the row and the fact.
        """
        self._own: dict[str, _Rows] = {}
        self._models: dict[tuple[str, str], AnyModel] = {}
        for file in (OLD_FILE, OWN_FILE):
            if (root / file).is_file():
                self._lay_over(root / file)

    def _lay_over(self, path: Path) -> None:
        try:
            for written in _rows_of(path):
                provider, model = str(written["provider"]), str(written["model"])
                rows = self._own.setdefault(provider, {})
                base = rows.get(model, _rows_of_vendor(provider).get(model)) or {}
                row = price_row(written, base.get("resolutions", ())) if path.name == OLD_FILE else written
                whole = laid_over(base, row)
                self._models[provider, model] = model_of(whole)
                rows[model] = whole
        except (Unreadable, ValidationError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"Tried to read the models in {path.name!r}; it answered: {error}.",
                next_step="Each row needs provider, model, family, source and checked_on, like the packaged ones "
                "(docs/reference/models.md).",
            ) from error

    def find(self, provider: str, model: str) -> AnyModel | None:
        """Return a model, None where nobody has written down anything of it."""
        if (provider, model) not in self._models:
            row = _rows_of_vendor(provider).get(model)
            if row is None:
                return None
            self._models[provider, model] = model_of(row)
        return self._models[provider, model]

    def priced(self, provider: str, model: str) -> AnyModel:
        """Return a model that has a price.

        Raises:
            ConfigurationError: nobody has said what it costs, so it cannot be used.
        """
        row = self.find(provider, model)
        if row is None or not row.price:
            raise ConfigurationError(
                f"{provider} model {model!r} has no price, so nothing can be reserved for it.",
                next_step=f"{_ADD_A_ROW} Priced are: "
                f"{', '.join(other.model for other in self.of(provider) if other.price) or 'none'}.",
            )
        return row

    def video(self, provider: str, model: str) -> VideoModel:
        """Return a video model.

        Raises:
            ConfigurationError: there is no row that says what it takes.
        """
        row = self.find(provider, model)
        if not isinstance(row, VideoModel) or not row.durations_s:
            raise ConfigurationError(
                f"Nothing is known of what the {provider} model {model!r} takes; known are: "
                f"{', '.join(self.names(provider)) or 'none'}.",
                next_step=f"Change `video.model` in the channel file. Or: {_ADD_A_ROW}",
            )
        return row

    def text(self, provider: str, model: str) -> TextModel:
        """Return a language model; one of which nothing is known, where there is no row."""
        row = self.find(provider, model)
        return row if isinstance(row, TextModel) else TextModel(provider=provider, model=model, family="llm")

    def names(self, provider: str) -> list[str]:
        """Return the names of a provider's models, in the order of their rows."""
        return list(dict.fromkeys((*_rows_of_vendor(provider), *self._own.get(provider, ()))))

    def of(self, provider: str) -> Iterator[AnyModel]:
        """Yield a provider's models, in the order of their rows."""
        yield from (model for name in self.names(provider) if (model := self.find(provider, name)) is not None)


def _rows_of(path: Path) -> Iterable[Mapping[str, Any]]:
    _nodes, document = read_yaml(path)
    for row in document or ():
        if not isinstance(row, Mapping):
            raise TypeError(f"{row!r} is not a row of facts")
        yield row


@cache
def _packaged() -> dict[str, _Rows]:
    packaged: dict[str, _Rows] = {}
    for row in _rows_of(_PACKAGED):
        packaged.setdefault(row["provider"], {})[row["model"]] = laid_over(None, row)
    return packaged


def _rows_of_vendor(provider: str) -> _Rows:
    """Return the rows that are packaged with dayreel, or with the vendor's own package."""
    if provider in _packaged():
        return _packaged()[provider]
    try:
        rows = vendor_named(provider).models
    except (UsageError, ConfigurationError):  # gone, or unusable: it cannot be chosen, and its rows are not missed
        return {}
    return {row["model"]: laid_over(None, {"provider": provider, **row}) for row in rows}
