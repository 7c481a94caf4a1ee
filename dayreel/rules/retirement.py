"""When a model is no longer offered: what is said of it before, and what refuses it afterwards. Pure."""

from datetime import date, timedelta

from dayreel.errors import ConfigurationError
from dayreel.vendors.models import ModelRow

ANNOUNCED: timedelta = timedelta(days=30)
"""How long before its last day a model is reported."""


def require_current(model: ModelRow | None, today: date) -> None:
    """Refuse a model that its vendor no longer offers.

    Raises:
        ConfigurationError: it has ended; names those that replace it.
    """
    if model is not None and model.ends_on is not None and model.ends_on < today:
        raise ConfigurationError(
            f"{model.provider} offered the model {model.model!r} until {model.ends_on}; nothing was sent.",
            next_step=f"Use {_others(model)} in the channel file; then the same command continues.",
        )


def ending(model: ModelRow | None, today: date) -> str:
    """Return a clause about a model that ends soon or has ended; empty where neither is known."""
    if model is None or model.ends_on is None or model.ends_on - today > ANNOUNCED:
        return ""
    ends = "ended" if model.ends_on < today else "ends"
    return f"{model.provider} model {model.model!r} {ends} on {model.ends_on}; use {_others(model)}"


def _others(model: ModelRow) -> str:
    return " or ".join(model.replaced_by) or "another model of it"
