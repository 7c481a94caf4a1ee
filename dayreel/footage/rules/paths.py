"""Where an item of own footage lies on the shared folder at each stage, and what that says about it. Pure.

    1-ripped/movies/<Name>/  1-ripped/tv/<Series>/<Disc>/   and the same below 2-remuxed/ and 3-transcoded/
    4-library/movies/<Title (Year)>/  4-library/tv/<Series>/Season 02/

An item keeps its folder's name from stage to stage, and its id comes from it; only the library has names for people.
Each stage's folder has `.pipeline/` with `<marker>.done`, `<marker>.timestamp`, `state` and `metadata.json` (seed 002).
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from dayreel.rules import lifecycle

ItemKind = Literal["movie", "tv"]
KIND_FOLDERS: Mapping[ItemKind, str] = {"movie": "movies", "tv": "tv"}

ItemStage = lifecycle.ItemStage
STATE_OF = lifecycle.STATE_OF
ITEM_STAGES: tuple[ItemStage, ...] = tuple(STATE_OF)
STAGE_ROOTS: Mapping[ItemStage, str] = {
    "rip": "1-ripped",
    "remux": "2-remuxed",
    "transcode": "3-transcoded",
    "file": "4-library",
}
MARKER_STAGES: Mapping[str, ItemStage] = {
    "rip.done": "rip",
    "remux.done": "remux",
    "transcode.done": "transcode",
    "file.done": "file",
    "filebot.done": "file",  # what the scripts of seed 002 call it
}
MARKER_FOLDER = ".pipeline"
QUEUE_ROOT = f"{MARKER_FOLDER}/jobs"
FILED_ROOT = f"{STAGE_ROOTS['file']}/{MARKER_FOLDER}"
"""Markers of filed items, one folder per item: several discs share a season's folder."""

MAX_ITEM_ID = 60
_DISC = re.compile(r"s(?:eason)?[ _.-]*(\d{1,2})[ _.-]*(?:d(?:is[ck])?[ _.-]*(\d{1,2}))?", re.IGNORECASE)
_YEAR = re.compile(r"^(?P<title>.+?)[ _.(\[-]+(?P<year>(?:18|19|20)\d\d)[)\]]?$")


@dataclass(frozen=True)
class ItemName:
    """Who an item is, as its folder's path says.

    Attributes:
        leaf: the folders below `movies/` or `tv/`: one for a movie, series and disc for TV.
        known_as: the id it has already; empty where its name gives it one.
    """

    kind: ItemKind
    leaf: str
    known_as: str = field(default="", compare=False)

    @property
    def item_id(self) -> str:
        """The item's id: lower case letters, digits, `_` and `-`; also its partition key."""
        return self.known_as or self._id_of(slug(self.leaf))

    @property
    def former_id(self) -> str:
        """The id it had before names in other scripts had ids of their own: all of those were `x`."""
        return self._id_of(slug(self.leaf, tells_scripts_apart=False))

    def _id_of(self, text: str) -> str:
        whole = f"{self.kind}-{text}"
        if len(whole) <= MAX_ITEM_ID:
            return whole
        return f"{whole[: MAX_ITEM_ID - 9]}-{hashlib.sha256(self.leaf.encode()).hexdigest()[:8]}"

    @property
    def title(self) -> str:
        """The movie's title or the series, with spaces."""
        match = _YEAR.match(_words(self._parts[0]))
        return match["title"].strip() if match else _words(self._parts[0])

    @property
    def year(self) -> int | None:
        """The year at the end of the name, if there is one."""
        match = _YEAR.match(_words(self._parts[0]))
        return int(match["year"]) if match else None

    @property
    def season(self) -> int | None:
        """The season, where the name says it."""
        return self._disc_part(1)

    @property
    def disc(self) -> int | None:
        """The disc's number, where the name says it."""
        return self._disc_part(2)

    def folder(self, stage: ItemStage) -> str:
        """Return the item's folder at a stage before the library, relative to the shared folder."""
        return f"{STAGE_ROOTS[stage]}/{KIND_FOLDERS[self.kind]}/{self.leaf}"

    def marker_dir(self, stage: ItemStage) -> str:
        """Return the folder of the item's markers at a stage."""
        if stage == "file":
            return f"{FILED_ROOT}/{self.item_id}"
        return f"{self.folder(stage)}/{MARKER_FOLDER}"

    @property
    def _parts(self) -> tuple[str, ...]:
        return PurePosixPath(self.leaf).parts

    def _disc_part(self, group: int) -> int | None:
        match = _DISC.search(_words(self._parts[-1])) if self.kind == "tv" else None
        return int(match[group]) if match and match[group] else None


def slug(text: str, *, tells_scripts_apart: bool = True) -> str:
    """Return a name for ids: lower case, everything but letters and digits as one `_`, folders joined by `-`.

    A name in another script than Latin gets a hash: nothing else of it would be left.
    """
    return "-".join(
        f"{_slug_of(part) or 'x'}_{hashlib.sha256(unicodedata.normalize('NFC', part).encode()).hexdigest()[:8]}"
        if tells_scripts_apart and _is_in_another_script(part)
        else _slug_of(part) or "x"
        for part in PurePosixPath(text).parts
    )


def _slug_of(part: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", part.lower()).strip("_")


def _is_in_another_script(part: str) -> bool:
    """Return whether letters or digits of a name are not Latin ones, with accents or without."""
    return any(letter.isalnum() and not letter.isascii() for letter in unicodedata.normalize("NFKD", part))


def _words(text: str) -> str:
    return re.sub(r"[ _]+", " ", text).strip()
