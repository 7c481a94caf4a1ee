"""Finding vendors' records: our own where they stand, everybody else's by entry points of the group `dayreel.vendors`.

Our own are the modules of `dayreel/providers/<family>/` that define `VENDOR`; they need no list, and a clone that is
not installed has them too. A package brings another vendor with an entry point that is named like it:

    [project.entry-points."dayreel.vendors"]
    acme = "dayreel_acme.speech:VENDOR"

Only a vendor that is asked for by name is loaded. Where all are listed, one that cannot be used is left out, and
`unusable` says why; it stands in nobody's way.
"""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from keyword import iskeyword
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from dayreel.errors import ConfigurationError, DayreelError, UsageError
from dayreel.vendors.access import Access
from dayreel.vendors.record import Chat, Family, Platform, Vendor

GROUP = "dayreel.vendors"
FAMILIES: tuple[Family, ...] = get_args(Family)
_RECORD = re.compile(r"^VENDOR\b", re.MULTILINE)
# As long as the catalog's columns are wide: that of a vendor's tokens, and that of where a decision was made.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_LONGEST_CHAT = 20
_VARIABLE = re.compile(r"(?!DAYREEL_)[A-Z][A-Z0-9_]*")
_FIELDS = frozenset({"hashtags", "ai_disclosure"})
TAKEN = frozenset(
    {
        *("io_manager", "marts", "notifier", "project", "studio", "tables"),  # Dagster's resources
        *("calendar", "none"),  # words of channel files and plans where a vendor could stand
        *("approvals", "timeout_h", "who"),  # fields beside the chats of `review`
        *("api", "cli", "desk", "login", "tui"),  # where a decision is made that no chat may claim
    }
)
"""Names that mean something else to dayreel."""
UPDATE_IT = "Update or uninstall that package, or take its vendor out of the channel's file."


@dataclass(frozen=True)
class UnusableVendor:
    """A vendor of another package that cannot be used, and why."""

    name: str
    distribution: str
    reason: str


def vendor_named(name: str) -> Vendor:
    """Return a vendor.

    Raises:
        UsageError: there is none of that name; lists those that are.
        ConfigurationError: its package cannot be used; says why.
    """
    module = _own().get(name)
    if module is not None:
        return _loaded_own(module)
    points = _plugged().get(name)
    if points is None:
        raise UsageError(f"There is no provider {name!r}.", next_step=f"Providers are: {', '.join(names())}.")
    loaded = _load(name, points)
    if isinstance(loaded, UnusableVendor):
        raise ConfigurationError(
            f"The vendor {name!r} of {loaded.distribution} cannot be used: {loaded.reason}.",
            next_step=f"{UPDATE_IT} `dayreel doctor` lists every vendor that cannot be used.",
        )
    return loaded


def vendors(family: Family | None = None) -> tuple[Vendor, ...]:
    """Return every vendor that can be used, of one family or of all, in the order of families and in theirs."""
    return tuple(vendor for vendor in _all() if family in (None, vendor.family))


def names(family: Family | None = None) -> list[str]:
    """Return the names of `vendors`."""
    return [vendor.name for vendor in vendors(family)]


def platform_named(name: str) -> Platform:
    """Return what is particular to a platform.

    Raises:
        UsageError: there is no platform of that name; lists those that are.
        ConfigurationError: its package cannot be used.
    """
    platform = vendor_named(name).platform
    if platform is None:
        raise UsageError(f"{name!r} is not a platform.", next_step=f"Platforms are: {', '.join(names('platforms'))}.")
    return platform


def chat_named(name: str) -> Chat:
    """Return what is particular to a chat.

    Raises:
        UsageError: there is no chat of that name; lists those that are.
        ConfigurationError: its package cannot be used.
    """
    chat = vendor_named(name).chat
    if chat is None:
        chats = [vendor.name for vendor in vendors("notifiers") if vendor.chat is not None]
        raise UsageError(f"Nobody decides in {name!r}.", next_step=f"Chats are: {', '.join(chats)}.")
    return chat


def label_of(name: str) -> str:
    """Return a vendor's name as people write it; that of one that is no longer installed is made from its short one."""
    vendor = _installed(name)
    return vendor.label if vendor is not None else name.capitalize()


def account_of(name: str) -> str:
    """Return the vendor to whose account a vendor's purchases are billed: mostly itself."""
    vendor = _installed(name)
    return (vendor.account if vendor is not None else "") or name


def where_to_look(name: str) -> str:
    """Return where a person finds out what became of a request to a vendor, when no program can."""
    vendor = _installed(name)
    return (vendor.where_to_look if vendor is not None else "") or f"{name}'s own dashboard"


def colour_of(platform: str) -> str | None:
    """Return the colour of a platform's line in charts, where it has one."""
    vendor = _installed(platform)
    return vendor.platform.colour if vendor is not None and vendor.platform is not None else None


def _installed(name: str) -> Vendor | None:
    """Return a vendor for what is only shown: None where its package is gone, or cannot be used."""
    try:
        return vendor_named(name)
    except (UsageError, ConfigurationError):
        return None


def without_counters() -> list[str]:
    """Return the platforms that report nothing about posts: those posted to by hand are among them."""
    platforms = [(vendor.name, vendor.platform) for vendor in vendors("platforms") if vendor.platform is not None]
    return [name for name, platform in platforms if platform.by_hand or not platform.has_counters]


def is_ours(vendor: Vendor) -> bool:
    """Return whether a vendor is dayreel's own, and not of another package."""
    return vendor.name in _own()


def ours_first() -> tuple[Vendor, ...]:
    """Return every vendor that can be used, dayreel's own before those of other packages."""
    return tuple(sorted(vendors(), key=lambda vendor: not is_ours(vendor)))


def stand_in_of(vendor: Vendor, world: Any) -> list[Any]:
    """Return the routes of a vendor's stand-in in the sandbox world; none where it has no stand-in.

    Raises:
        ConfigurationError: another package's stand-in cannot be used; says why.
    """
    if vendor.stand_in is None:
        return []
    module, _, function = vendor.stand_in.partition(":")
    try:
        return list(getattr(import_module(module), function)(world))
    except (Exception, SystemExit) as error:
        if vendor.name in _own():
            raise
        raise ConfigurationError(
            f"The stand-in of {vendor.name!r}, {vendor.stand_in}, cannot be used ({type(error).__name__}: {error}); "
            "the sandbox world has no such vendor.",
            next_step=UPDATE_IT,
        ) from error


@cache
def sandbox_variables() -> dict[str, str]:
    """Return what the stand-ins take, by variable; it opens nothing anywhere else.

    A package that uses a variable of ours gets our value: another one would lock our own stand-in.
    """
    settings = (setting for vendor in reversed(ours_first()) for setting in vendor.settings)
    return {setting.variable: setting.sandbox for setting in settings if setting.sandbox is not None}


def unusable() -> list[UnusableVendor]:
    """Return every vendor of another package that cannot be used: it cannot be loaded, or its name is taken."""
    problems = [
        UnusableVendor(name, _distribution(point), "dayreel has a vendor of that name itself")
        for name in _own().keys() & _plugged().keys()
        for point in _plugged()[name]
    ]
    loaded = (_load(name, points) for name, points in _plugged().items() if name not in _own())
    return problems + [vendor for vendor in loaded if isinstance(vendor, UnusableVendor)]


@cache
def _all() -> tuple[Vendor, ...]:
    loaded: Iterator[Vendor | UnusableVendor] = (
        _load(name, points) for name, points in _plugged().items() if name not in _own()
    )
    own = [_loaded_own(module) for module in _own().values()]
    vendors_found = [*own, *(vendor for vendor in loaded if isinstance(vendor, Vendor))]
    return tuple(sorted(vendors_found, key=lambda vendor: (FAMILIES.index(vendor.family), vendor.order, vendor.name)))


@cache
def _own() -> dict[str, str]:
    """Return our vendors' modules by name; recognised by their text, because importing every helper beside them takes
    long.
    """
    from importlib.resources import files  # noqa: PLC0415  `dayreel status` asks for no vendor

    return {
        path.name.removesuffix(".py"): f"dayreel.providers.{family}.{path.name.removesuffix('.py')}"
        for family in FAMILIES
        for path in files("dayreel.providers").joinpath(family).iterdir()
        if path.name.endswith(".py") and _RECORD.search(path.read_text(encoding="utf-8"))
    }


def _loaded_own(module: str) -> Vendor:
    vendor: Vendor = import_module(module).VENDOR
    return vendor


@cache
def _plugged() -> dict[str, list[EntryPoint]]:
    by_name: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        by_name.setdefault(point.name, []).append(point)
    return by_name


@cache
def _load_point(point: EntryPoint) -> Vendor | str:
    """Return what an entry point stands for, or why it cannot be used."""
    try:
        # What it prints is not part of any command's answer.
        with redirect_stdout(sys.stderr):
            vendor = point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  somebody else's module may fail in any way, and must not stop ours
        return f"{point.value} cannot be loaded ({type(error).__name__}: {error})"
    if not isinstance(vendor, Vendor):
        return f"{point.value} is not a Vendor"
    try:
        vendor = _typed(vendor)
    except TypeError as error:
        return str(error)
    return _fault_of(vendor, point) or replace(vendor, connect=_connecting(vendor, _distribution(point)))


def _typed(record: Any) -> Any:
    """Return a record whose fields have the types that they are declared with, and so has every record within.

    Whoever lists all vendors (a sort, a schema, a page) would otherwise stop at one field of one package.

    Raises:
        TypeError: a field cannot be read as its type; says which and why.
    """
    hints = get_type_hints(type(record))
    values: dict[str, Any] = {}
    for part in fields(record):
        try:
            value = TypeAdapter(hints[part.name]).validate_python(getattr(record, part.name))
        except ValidationError as error:
            why = error.errors(include_url=False)[0]["msg"].replace("Input should be", "it has to be")
            raise TypeError(f"`{part.name}` of its {type(record).__name__} does not fit: {why}") from error
        if isinstance(value, tuple):
            value = tuple(_typed(member) if is_dataclass(member) else member for member in value)
        values[part.name] = _typed(value) if is_dataclass(value) else value
    return replace(record, **values)


def _fault_of(vendor: Vendor, point: EntryPoint) -> str | None:
    """Return what is wrong with another package's record although its types are right."""
    odd = ", ".join(part.variable for part in vendor.settings if not _VARIABLE.fullmatch(part.variable))
    shape = set(vendor.platform.fields.model_fields) if vendor.platform is not None else _FIELDS
    means_else = vendor.name in TAKEN or hasattr(BaseModel, vendor.name) or iskeyword(vendor.name)
    faults = (
        (
            vendor.name != point.name or not _NAME.fullmatch(vendor.name),
            f"its entry point {point.name!r} and name {vendor.name!r} have to be the same, at most 30 small letters",
        ),
        (means_else, f"the name {vendor.name!r} means something else to dayreel"),
        (bool(odd), f"its settings have to be variables like ACME_KEY, and none of dayreel's own: {odd}"),
        (
            (vendor.platform is not None) != (vendor.family == "platforms"),
            "a vendor has a `platform` where its family is platforms, and nowhere else",
        ),
        (not shape >= _FIELDS, f"the fields of its `platform` lack {', '.join(sorted(_FIELDS - shape))}"),
        (
            vendor.chat is not None and (vendor.family != "notifiers" or len(vendor.name) > _LONGEST_CHAT),
            f"a `chat` is a notifier whose name has at most {_LONGEST_CHAT} letters",
        ),
    )
    return next((reason for is_so, reason in faults if is_so), None)


def _connecting(vendor: Vendor, distribution: str) -> Callable[[Access], Any]:
    """Return what makes the client of another package's vendor, whose failures are ours to name."""

    def connect(access: Access) -> Any:
        try:
            return vendor.connect(access)
        except DayreelError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"The vendor {vendor.name!r} of {distribution} cannot be used: its client cannot be made "
                f"({type(error).__name__}: {error}).",
                next_step=UPDATE_IT,
            ) from error

    return connect


def _load(name: str, points: list[EntryPoint]) -> Vendor | UnusableVendor:
    where = " and ".join(sorted(_distribution(point) for point in points))
    if len(points) > 1:
        return UnusableVendor(name, where, "each of them brings a vendor of that name; uninstall one")
    loaded = _load_point(points[0])
    return loaded if isinstance(loaded, Vendor) else UnusableVendor(name, where, loaded)


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an unknown package"
