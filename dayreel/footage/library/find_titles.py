"""Asking the service that the plan names for titles, before a person is asked about names. It never stands in the way:
what was asked, and what was found or why nothing was, goes into the question.
"""

from dataclasses import dataclass
from typing import Any

from dayreel.errors import ConfigurationError, DayreelError
from dayreel.footage.library.open_library import Library
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.plan import load_plan
from dayreel.providers.lookup.contract import TitleLookup, TitleMatch
from dayreel.settings import Settings


@dataclass(frozen=True)
class LookedUp:
    """What a service answered about an item.

    `evidence` is kept with the question: who was asked what, and the answer in words.
    """

    match: TitleMatch | None
    evidence: dict[str, Any]


def lookup_in_use(settings: Settings) -> list[str]:
    """Return the vendor whom the shared folder's plan asks for titles, if any; none while the plan cannot be read."""
    if settings.library is None:
        return []
    try:
        vendor = load_plan(settings.library).file.lookup
    except (ConfigurationError, OSError):  # what is wrong with the folder is reported by `dayreel doctor`
        return []
    return [] if vendor == "none" else [vendor]


def find_titles(library: Library, manifest: ItemManifest) -> LookedUp | None:
    """Ask for an item's titles; None when the plan asks nobody. One attempt: a failure is recorded, not raised.

    It goes over the network, so never call it while the catalog is being written.
    """
    vendor = library.plan.file.lookup
    if vendor == "none":
        return None
    title, season = manifest.series or manifest.title, manifest.season or 1
    is_movie = manifest.kind == "movie"
    asked = {"title": manifest.title, "year": manifest.year} if is_movie else {"series": title, "season": season}
    lookup: dict[str, Any] = {"by": vendor, "asked": asked, "found": None}
    try:
        service: TitleLookup = library.project.connect(vendor)
        match = service.movie(manifest.title, manifest.year) if is_movie else service.series(title, season)
    except DayreelError as error:
        return LookedUp(None, {**lookup, "said": f"{vendor} could not be asked: {error}"})
    if match is None:
        return LookedUp(None, {**lookup, "said": f"{vendor} knows nothing called {title!r}"})
    lookup["found"] = {"id": match.id, "title": match.title, "year": match.year, "episodes": len(match.episodes)}
    year = "" if match.year is None else f" ({match.year})"
    return LookedUp(match, {**lookup, "said": f"{vendor} calls it {match.title!r}{year}, {match.id}"})
