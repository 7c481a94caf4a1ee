"""Items on the shared folder: which there are and how far, by their markers; and their manifests.

The only writer of items' manifests (`.pipeline/metadata.json`, through the state manager) and of their `state` files.
What a marker means for the catalog and for people is `dayreel.footage.library`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dayreel.atomic_write import atomic_write_bytes
from dayreel.footage.rules.paths import (
    FILED_ROOT,
    ITEM_STAGES,
    KIND_FOLDERS,
    MARKER_FOLDER,
    MARKER_STAGES,
    STAGE_ROOTS,
    STATE_OF,
    ItemKind,
    ItemName,
    ItemStage,
)
from dayreel.footage.schemas.library import ItemManifest
from dayreel.stores.state import PipelineState
from dayreel.stores.state.errors import StateError

SUPERSEDED = ".superseded"
_MANIFEST = "metadata.json"
OWN_FILES = frozenset({f"{_MANIFEST}.lock", "transactions.log", "state"})
"""What comes with every write of a manifest and says nothing by itself. The manifest does: it has people's answers."""


@dataclass(frozen=True)
class FoundMarker:
    """A stage that is marked as done: which file says so, and its stamp (mtime in ns), to detect a newer one."""

    marker: Path
    stamp: int


@dataclass
class FoundItem:
    """What the shared folder says of one item."""

    name: ItemName
    stages: dict[ItemStage, FoundMarker] = field(default_factory=dict)

    @property
    def newest(self) -> ItemStage:
        """The furthest stage that is marked as done; `rip` when none is."""
        return next((stage for stage in reversed(ITEM_STAGES) if stage in self.stages), "rip")


@dataclass(frozen=True)
class Scan:
    """Every item of a shared folder by its id, and what was left alone, each with its reason."""

    items: dict[str, FoundItem]
    left_alone: list[str]


class ItemStore:
    """The items of one shared folder."""

    def __init__(self, root: Path, *, actor: str = "dayreel") -> None:
        """Remember the folder; nothing is read yet.

        Args:
            actor: who writes, for each manifest's transaction log.
        """
        self.root = root
        self._actor = actor

    def scan(self) -> Scan:
        """Look at every item's markers: names and stamps only, no file is opened.

        Raises:
            OSError: the shared folder cannot be read.
        """
        items: dict[str, FoundItem] = {}
        left_alone: list[str] = []
        for kind, leaf in self._leaves(left_alone):
            name = ItemName(kind, leaf)
            known = items.setdefault(name.item_id, FoundItem(name))
            if known.name != name:
                left_alone.append(
                    f"{leaf!r} has the same id as {known.name.leaf!r} ({name.item_id}): rename one of them"
                )
        for found_item in items.values():
            found_item.stages = self.stages_of(found_item.name)
        marked = {item_id: found_item for item_id, found_item in items.items() if found_item.stages}
        return Scan(marked, left_alone)

    def stages_of(self, name: ItemName) -> dict[ItemStage, FoundMarker]:
        """Return the stages of one item that are marked as done."""
        done: dict[ItemStage, FoundMarker] = {}
        for stage in ITEM_STAGES:
            folder = self.root / name.marker_dir(stage)
            for marker in _markers(folder):
                done[MARKER_STAGES[marker.name]] = FoundMarker(Path(marker.path), marker.stat().st_mtime_ns)
        return done

    def manifest(self, name: ItemName, stage: ItemStage) -> ItemManifest | None:
        """Return the manifest beside a stage's files, or None when there is none yet.

        Raises:
            StateError: it is damaged; says where and how to get back.
        """
        state = self._state(name, stage)
        return ItemManifest.model_validate(state.read()) if state.path.exists() else None

    def newest_manifest(self, name: ItemName) -> ItemManifest | None:
        """Return the manifest of the furthest stage that is marked as done and has one.

        A later one without a marker is from before its stage was superseded, and says what is no longer so. Only where
        no marked stage has a manifest does it count.

        Raises:
            StateError: it is damaged.
        """
        marked = self.stages_of(name)
        later_first = tuple(reversed(ITEM_STAGES))
        for stage in sorted(later_first, key=lambda found_item: found_item not in marked):
            manifest = self.manifest(name, stage)
            if manifest is not None:
                return manifest
        return None

    def save(self, name: ItemName, stage: ItemStage, manifest: ItemManifest) -> None:
        """Write the manifest and the state beside a stage's files.

        Raises:
            StateError: it cannot be written; what was there is as it was.
        """
        self._state(name, stage).write(manifest.model_dump(mode="json"))
        atomic_write_bytes(self.root / name.marker_dir(stage) / "state", f"{STATE_OF[stage]}\n".encode())

    def supersede(self, marker: FoundMarker) -> None:
        """Take back a marker: what it says was made from something that was made again since. The files stay.

        Raises:
            OSError: it cannot be renamed.
        """
        marker.marker.replace(marker.marker.with_name(marker.marker.name + SUPERSEDED))

    def files(self, name: ItemName, stage: ItemStage) -> list[Path]:
        """Return the files of a stage before the library, by name; hidden ones and folders are left out."""
        folder = self.root / name.folder(stage)
        return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))

    def _state(self, name: ItemName, stage: ItemStage) -> PipelineState:
        path = self.root / name.marker_dir(stage) / _MANIFEST
        return PipelineState(path, schema=ItemManifest, validate_on_read=True, max_backups=10, actor=self._actor)

    def _leaves(self, left_alone: list[str]) -> Iterator[tuple[ItemKind, str]]:
        seen: set[tuple[ItemKind, str]] = set()
        for stage in ITEM_STAGES:
            if stage == "file":
                continue
            for kind, folder in KIND_FOLDERS.items():
                base = self.root / STAGE_ROOTS[stage] / folder
                for leaf in _leaf_folders(base, kind):
                    if (kind, leaf) not in seen:
                        seen.add((kind, leaf))
                        yield kind, leaf
        yield from self._filed_only(seen, left_alone)

    def _filed_only(self, seen: set[tuple[ItemKind, str]], left_alone: list[str]) -> Iterator[tuple[ItemKind, str]]:
        """Yield items of which only the library is left; their manifests say who they are."""
        known = {ItemName(*name).item_id for name in seen}
        for entry in _folders(self.root / FILED_ROOT):
            if entry.name not in known:
                state = PipelineState(Path(entry.path) / _MANIFEST, schema=ItemManifest)
                try:
                    manifest = ItemManifest.model_validate(state.read()) if state.path.exists() else None
                except StateError as error:
                    left_alone.append(f"{entry.name!r} in the library: {error}")
                    continue
                if manifest is not None:
                    yield manifest.kind, manifest.leaf


def _leaf_folders(base: Path, kind: ItemKind) -> Iterator[str]:
    for entry in _folders(base):
        if kind == "movie" or Path(entry.path, MARKER_FOLDER).is_dir():
            yield entry.name
            continue
        yield from (f"{entry.name}/{disc.name}" for disc in _folders(Path(entry.path)))


def _folders(base: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(base) as entries:
            yield from (entry for entry in entries if not entry.name.startswith(".") and entry.is_dir())
    except FileNotFoundError:
        return


def _markers(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.name in MARKER_STAGES and entry.is_file())
    except (FileNotFoundError, NotADirectoryError):
        return
