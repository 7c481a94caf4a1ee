"""Asking the service that the plan names for titles, before a person is asked about names. It never stands in the way:
what was asked, and what was found or why nothing was, goes into the question.
"""

from dataclasses import dataclass
from typing import Any

from dayreel.errors import ConfigurationError, DayreelError
from dayreel.footage.library.open_library import Library
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.plan import load_plan
from dayreel.providers.lookup.contract import Found, TitleLookup
from dayreel.settings import Settings


@dataclass(frozen=True)
class LookedUp:
    """What a service said of an item. `told` is kept with the question: who was asked what, and the answer in words."""

    found: Found | None
    told: dict[str, Any]


def lookup_in_use(settings: Settings) -> list[str]:
    """Return the vendor whom the shared folder's plan asks for titles, if any; none while the plan cannot be read."""
    if settings.library is None:
        return []
    try:
        vendor = load_plan(settings.library).file.lookup
    except (ConfigurationError, OSError):  # what is wrong with the folder is told by `dayreel doctor`
        return []
    return [] if vendor == "none" else [vendor]


def find_titles(library: Library, manifest: ItemManifest) -> LookedUp | None:
    """Ask for an item's titles; None when the plan asks nobody. One attempt: a failure is told, not raised.

    It goes over the network, so never call it while the catalog is being written.
    """
    vendor = library.plan.file.lookup
    if vendor == "none":
        return None
    title, season = manifest.series or manifest.title, manifest.season or 1
    is_movie = manifest.kind == "movie"
    asked = {"title": manifest.title, "year": manifest.year} if is_movie else {"series": title, "season": season}
    told: dict[str, Any] = {"by": vendor, "asked": asked, "found": None}
    try:
        service: TitleLookup = library.project.connect(vendor)
        found = service.movie(manifest.title, manifest.year) if is_movie else service.series(title, season)
    except DayreelError as error:
        return LookedUp(None, {**told, "said": f"{vendor} could not be asked: {error}"})
    if found is None:
        return LookedUp(None, {**told, "said": f"{vendor} knows nothing called {title!r}"})
    told["found"] = {"id": found.id, "title": found.title, "year": found.year, "episodes": len(found.episodes)}
    year = "" if found.year is None else f" ({found.year})"
    return LookedUp(found, {**told, "said": f"{vendor} calls it {found.title!r}{year}, {found.id}"})
