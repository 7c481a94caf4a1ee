"""Items on the shared folder: which there are and how far, by their markers; and their manifests.

The only writer of items' manifests (`.pipeline/metadata.json`, through the state manager) and of their `state` files.
What a marker means for the catalog and for people is `dayreel.footage.library`.

Whatever lies there may have been put there by anybody: what cannot be an item is left alone with a sentence, and only a
shared folder that is away stops a look.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from dayreel.atomic_write import atomic_write_bytes
from dayreel.footage.rules.names import UNUSABLE
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
from dayreel.stores.state import PipelineState, StateReadError
from dayreel.stores.state.errors import StateError

SUPERSEDED = ".superseded"
_MANIFEST = "metadata.json"
_VERSION = 1
_OF_ONE_FOLDER = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
"""What says that one folder cannot be read; anything else is the share's."""
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

    def scan(self, known: Mapping[tuple[str, str], str] | None = None) -> Scan:
        """Look at every item's markers: names and stamps only; no file of a known item is opened.

        Args:
            known: the ids that the catalog has, by kind and leaf.

        Raises:
            OSError: the shared folder cannot be read.
        """
        items: dict[str, FoundItem] = {}
        left_alone: list[str] = []
        for name in self._names(known or {}, left_alone):
            seen = items.setdefault(name.item_id, FoundItem(name))
            if seen.name != name:
                left_alone.append(
                    f"{name.leaf!r} has the same id as {seen.name.leaf!r} ({name.item_id}): rename one of them"
                )
        for found_item in items.values():
            try:
                found_item.stages = self.stages_of(found_item.name)
            except OSError as error:
                left_alone.append(_cannot_look(f"{found_item.name.leaf!r}", error))
        marked = {item_id: found_item for item_id, found_item in items.items() if found_item.stages}
        return Scan(marked, left_alone)

    def stages_of(self, name: ItemName) -> dict[ItemStage, FoundMarker]:
        """Return the stages of one item that are marked as done.

        Raises:
            OSError: a folder of its markers cannot be read.
        """
        done: dict[ItemStage, FoundMarker] = {}
        for stage in ITEM_STAGES:
            for marked, marker in _markers(self.root / name.marker_dir(stage)):
                if marked not in done or done[marked].stamp < marker.stamp:  # of two for one stage the newer counts
                    done[marked] = marker
        return done

    def manifest(self, name: ItemName, stage: ItemStage) -> ItemManifest | None:
        """Return the manifest beside a stage's files, or None when there is none yet.

        Raises:
            StateError: it is damaged, of another item, or of a newer dayreel; says where and how to get back.
        """
        state = self._state(name, stage)
        if not state.path.exists():
            return None
        document = state.read(validate=False)
        version = document.get("schema_version", 1)
        if isinstance(version, int) and version > _VERSION:
            raise StateReadError(
                f"Tried to read {str(state.path)!r}; it is of version {version}, and this dayreel reads {_VERSION}.",
                next_step="Bring this dayreel up to date; nothing was changed.",
            )
        try:
            manifest = ItemManifest.model_validate(document)
        except ValidationError:
            manifest = ItemManifest.model_validate(state.read(validate=True))  # says in the state manager's words why
        if (manifest.item_id, manifest.kind, manifest.leaf) != (name.item_id, name.kind, name.leaf):
            raise StateReadError(
                f"Tried to read {str(state.path)!r}; it is the manifest of {manifest.item_id} ({manifest.leaf!r}), and "
                f"lies with {name.item_id} ({name.leaf!r}).",
                next_step="The folder was copied or renamed: give it its name again, or remove this file and its "
                "`backups` to have the folder taken in as a new item.",
            )
        return manifest

    def newest_manifest(self, name: ItemName) -> ItemManifest | None:
        """Return the manifest of the furthest stage that is marked as done and has one.

        A later one without a marker is from before its stage was superseded, and says what is no longer so. Only where
        no marked stage has a manifest does it count.

        Raises:
            StateError: it is damaged.
            OSError: a folder of its markers cannot be read.
        """
        marked = self.stages_of(name)
        later_first = tuple(reversed(ITEM_STAGES))
        for stage in sorted(later_first, key=lambda found_item: found_item not in marked):
            manifest = self.manifest(name, stage)
            if manifest is not None:
                return manifest
        return None

    def stamps(self, name: ItemName) -> list[int]:
        """Return when each marker and manifest of an item was last changed: another list, and it is worth a try."""
        stamps = []
        for stage in ITEM_STAGES:
            folder = self.root / name.marker_dir(stage)
            for file in (*(marker for marker, means in MARKER_STAGES.items() if means == stage), _MANIFEST):
                try:
                    stamps.append((folder / file).lstat().st_mtime_ns)
                except OSError:
                    stamps.append(0)
        return stamps

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

    def _names(self, known: Mapping[tuple[str, str], str], left_alone: list[str]) -> Iterator[ItemName]:
        seen: set[tuple[ItemKind, str]] = set()
        ids = set()
        for stage in ITEM_STAGES:
            if stage == "file":
                continue
            for kind, folder in KIND_FOLDERS.items():
                base = self.root / STAGE_ROOTS[stage] / folder
                for leaf in _leaf_folders(base, kind, left_alone):
                    if (kind, leaf) not in seen:
                        seen.add((kind, leaf))
                        name = self._named(ItemName(kind, leaf, known.get((kind, leaf), "")))
                        ids.add(name.item_id)
                        yield name
        yield from self._filed_only(ids, {item_id: name for name, item_id in known.items()}, left_alone)

    def _named(self, name: ItemName) -> ItemName:
        """Return an item under the id it had before, where its manifest still says that one."""
        if name.known_as or name.former_id == name.item_id:
            return name
        former = ItemName(name.kind, name.leaf, name.former_id)
        try:
            return former if self.newest_manifest(former) is not None else name
        except (StateError, OSError):
            return name

    def _filed_only(
        self, ids: set[str], known: Mapping[str, tuple[str, str]], left_alone: list[str]
    ) -> Iterator[ItemName]:
        """Yield items of which only the library is left; the catalog or their manifests say who they are."""
        for entry in _folders(self.root / FILED_ROOT, left_alone):
            if entry.name in ids:
                continue
            if entry.name in known:
                kind, leaf = known[entry.name]
                yield ItemName("movie" if kind == "movie" else "tv", leaf, entry.name)
                continue
            state = PipelineState(Path(entry.path) / _MANIFEST, schema=ItemManifest)
            try:
                manifest = ItemManifest.model_validate(state.read(validate=True)) if state.path.exists() else None
            except (StateError, OSError) as error:
                left_alone.append(f"{entry.name!r} in the library: {error}")
                continue
            if manifest is not None and manifest.item_id == entry.name:
                yield ItemName(manifest.kind, manifest.leaf, manifest.item_id)
            elif manifest is not None:
                left_alone.append(f"{entry.name!r} in the library: its manifest is of {manifest.item_id!r}")


def _leaf_folders(base: Path, kind: ItemKind, left_alone: list[str]) -> Iterator[str]:
    for entry in _folders(base, left_alone):
        if kind == "movie" or Path(entry.path, MARKER_FOLDER).is_dir():
            yield entry.name
            continue
        yield from (f"{entry.name}/{disc.name}" for disc in _folders(Path(entry.path), left_alone))


def _folders(base: Path, left_alone: list[str]) -> Iterator[os.DirEntry[str]]:
    """Yield the folders in a folder that can be looked into.

    Raises:
        OSError: the shared folder is away.
    """
    try:
        with os.scandir(base) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and _is_folder(entry, left_alone):
                    yield entry
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in _OF_ONE_FOLDER:
            raise
        left_alone.append(_cannot_look(f"{str(base)!r}", error))


def _is_folder(entry: os.DirEntry[str], left_alone: list[str]) -> bool:
    try:
        is_folder = entry.is_dir()
    except OSError as error:  # a link that leads to itself
        left_alone.append(_cannot_look(f"{entry.path!r}", error))
        return False
    if is_folder and UNUSABLE.search(entry.name):
        left_alone.append(f"{entry.path!r} has a name that cannot be kept or shown: rename it")
        return False
    return is_folder


def _cannot_look(what: str, error: OSError) -> str:
    return f"{what} cannot be read ({error.strerror or error}): look at its owner and rights"


def _markers(folder: Path) -> Iterator[tuple[ItemStage, FoundMarker]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in MARKER_STAGES and entry.is_file():
                    yield MARKER_STAGES[entry.name], FoundMarker(Path(entry.path), entry.stat().st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return
