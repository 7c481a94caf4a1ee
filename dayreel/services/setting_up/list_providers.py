"""Listing every vendor: its family, what it can do, which variables it wants, which of them are set. No values."""

from dataclasses import dataclass
from typing import Any

from dayreel.settings import Settings
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.record import Vendor
from dayreel.vendors.registry import sandbox_variables, vendors


@dataclass(frozen=True)
class Listed:
    """One vendor as a person sees it.

    Attributes:
        can: what it does, in words.
        models: model to what it takes, makes and costs, as in `models.yaml`.
        needs: variable to whether it is set; without all of them the live world cannot use this vendor.
        takes: likewise, for what is used when it is set.
        ready: whether the present world can use it.
    """

    name: str
    family: str
    can: tuple[str, ...]
    models: dict[str, dict[str, Any]]
    needs: dict[str, bool]
    takes: dict[str, bool]
    ready: bool


def list_providers(settings: Settings) -> list[Listed]:
    """Return every vendor of the registry, in its order.

    Raises:
        ConfigurationError: a row of the project's `models.yaml` cannot be used.
    """
    models = ModelList(settings.root)
    return [_listed(settings, vendor, models) for vendor in vendors()]


def _listed(settings: Settings, vendor: Vendor, models: ModelList) -> Listed:
    needs = {name: settings.variable(name) is not None for name in vendor.needs_given(settings.variable)}
    return Listed(
        name=vendor.name,
        family=vendor.family,
        can=vendor.can,
        models={
            row.model: row.model_dump(
                mode="json", exclude={"provider", "family", "model", "sources"}, exclude_defaults=True
            )
            for row in models.of(vendor.name)
        },
        needs=needs,
        takes={variable: settings.variable(variable) is not None for variable in vendor.takes},
        # The sandbox world has stand-ins with keys of their own.
        ready=all(sandbox_variables().get(name) for name in needs)
        if settings.world == "sandbox"
        else all(needs.values()),
    )
