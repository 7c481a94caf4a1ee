"""Who is notified of what: the project's notifiers, by the kind of a message.

A message that no setting routes goes to the first notifier that is set up, in the order of their records, and to the
log where there is none. How a message is sent is `services.notify_people`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from dayreel.errors import ConfigurationError
from dayreel.settings import Settings
from dayreel.vendors.record import Vendor
from dayreel.vendors.registry import is_ours, names, sandbox_variables, vendor_named, vendors

Kind = Literal["review", "failure", "budget", "report"]
KINDS: Final[tuple[Kind, ...]] = ("review", "failure", "budget", "report")

Target = TypeVar("Target")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Routes(Generic[Target]):
    """Notifiers, or their names, by the kind of message; a kind that is not there goes to `default`."""

    default: Target
    by_kind: Mapping[Kind, tuple[Target, ...]]

    def of(self, kind: Kind) -> tuple[Target, ...]:
        """Return whoever gets messages of a kind; never empty."""
        return self.by_kind.get(kind, (self.default,))

    def everyone(self) -> tuple[Target, ...]:
        """Return whoever gets any message, each once."""
        return tuple(dict.fromkeys(target for kind in KINDS for target in self.of(kind)))

    def mapped(self, change: Callable[[Target], Other]) -> "Routes[Other]":
        """Return the same routes to something else; `change` is asked once for each target."""
        changed = {target: change(target) for target in dict.fromkeys((self.default, *self.everyone()))}
        by_kind = {kind: tuple(changed[target] for target in targets) for kind, targets in self.by_kind.items()}
        return Routes(changed[self.default], by_kind)


def everything_to(target: Target) -> Routes[Target]:
    """Return the routes that lead every kind of message to the same notifier."""
    return Routes(target, {})


def notifier_routes(settings: Settings) -> Routes[str]:
    """Return the names of the project's notifiers by kind of message.

    In the sandbox world a notifier without a stand-in is nobody's: what would go to it alone goes to the default.

    Raises:
        ConfigurationError: a route names somebody who is not a notifier, or is not set up.
    """
    default = _first_set_up(settings)
    by_kind = {kind: _routed(settings, kind) for kind in KINDS}
    return Routes(default, {kind: targets for kind, targets in by_kind.items() if targets})


def _routed(settings: Settings, kind: Kind) -> tuple[str, ...]:
    variable = f"DAYREEL_NOTIFY_{kind.upper()}"
    wanted = dict.fromkeys(getattr(settings, f"notify_{kind}").replace(",", " ").split())
    targets = []
    for name in wanted:
        if name not in names("notifiers"):
            raise ConfigurationError(
                f"{variable} names {name!r}, which is not a notifier.",
                next_step=f"There are: {', '.join(names('notifiers'))}.",
            )
        vendor = vendor_named(name)
        # What is half set up is found by its first variable, and would fail whoever opens it later.
        missing = [need for need in vendor.needs_given(settings.variable) if not settings.variable(need)]
        if settings.world == "live" and missing:
            raise ConfigurationError(
                f"{variable} names {name}, which is not set up; missing: {', '.join(missing)}.",
                next_step="Put it into .env, or take the name out of the route.",
            )
        if _is_set_up(settings, vendor):
            targets.append(name)
    return tuple(targets)


def _first_set_up(settings: Settings) -> str:
    """Return the first notifier that is set up.

    One of another package is, in either world, once all that it needs is set: installing it chooses nothing.
    """

    def is_chosen(vendor: Vendor) -> bool:
        return _is_set_up(settings, vendor) and (is_ours(vendor) or bool(vendor.needs))

    return next(vendor.name for vendor in vendors("notifiers") if is_chosen(vendor))


def _is_set_up(settings: Settings, vendor: Vendor) -> bool:
    if is_ours(vendor):
        return vendor.is_set_up(sandbox_variables().get if settings.world == "sandbox" else settings.variable)
    return all(map(settings.variable, vendor.needs))
