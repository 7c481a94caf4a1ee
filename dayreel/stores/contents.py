"""The content folders: `content/<content-id>/` with its manifest and files. The only writer of manifests.

metadata.json  idea.json  prompts.json  raw/video_1.mp4 …  narration.*  final_video.mp4  poster.jpg
contact_sheet.jpg  thumbnails/  analytics.json  .pipeline/ (backups, transaction log, completion markers)

With a bucket the folders here are this machine's copies: `fetch` before something is made of one, `keep` afterwards.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dayreel.errors import UsageError
from dayreel.schemas.content import FileRecord
from dayreel.schemas.manifest import Manifest
from dayreel.stores.content_bucket import ContentBucket
from dayreel.stores.files import sha256_of
from dayreel.stores.state import PipelineState
from dayreel.stores.state.errors import StateValidationError


class ContentStore:
    """All content folders below one root."""

    def __init__(self, root: Path, *, actor: str = "dayreel", bucket: ContentBucket | None = None) -> None:
        """Remember the root; nothing is read yet.

        Args:
            actor: who writes, for each manifest's transaction log.
            bucket: where the folders are kept for every machine; None where this is the only one.
        """
        self.root = root
        self._actor = actor
        self._bucket = bucket

    def folder(self, content_id: str) -> Path:
        """Return a content's folder, whether it exists or not."""
        return self.root / content_id

    def state(self, content_id: str) -> PipelineState:
        """Return the state manager of one content's manifest."""
        return PipelineState(
            self.folder(content_id) / "metadata.json", schema=Manifest, validate_on_read=True, actor=self._actor
        )

    def content_ids(self) -> list[str]:
        """Return every content that has a folder here or in the bucket, in order.

        Raises:
            StoreError: the bucket could not be asked.
        """
        here = {folder.name for folder in self.root.iterdir() if folder.is_dir()} if self.root.is_dir() else set()
        there = set() if self._bucket is None else set(self._bucket.content_ids())
        return sorted(name for name in here | there if not name.startswith("."))

    def exists(self, content_id: str) -> bool:
        """Return whether the content has a manifest, which is here then.

        Raises:
            StoreError: the bucket could not be asked.
        """
        if (self.folder(content_id) / "metadata.json").exists():
            return True
        if self._bucket is None:
            return False
        return self._bucket.get_manifest(
            content_id, self.folder(content_id), keep_manifest=self.state(content_id).write
        )

    def fetch(self, content_id: str) -> None:
        """See that what other machines have made of a content is here.

        Raises:
            StaleState: its manifest was changed both here and there.
            StoreError: the bucket could not be used.
        """
        if self._bucket is not None:
            folder = self.folder(content_id)
            self._bucket.pull(content_id, folder, keep_manifest=self.state(content_id).write)

    def fetched(self, content_id: str) -> Manifest:
        """Return the manifest as the newest machine left it, with its files here; see `fetch` and `manifest`."""
        self.fetch(content_id)
        return self.manifest(content_id)

    def keep(self, content_id: str) -> None:
        """See that what this machine has made of a content is there for the others.

        Raises:
            StaleState: its manifest was changed there as well.
            StoreError: the bucket could not be used; nothing that was made is lost.
        """
        if self._bucket is not None:
            self._bucket.push(content_id, self.folder(content_id))

    def has(self, content_id: str, path: str) -> bool:
        """Return whether a file is here, or may be where it can be fetched from; without asking there."""
        return self._bucket is not None or (self.folder(content_id) / path).is_file()

    def fetch_file(self, content_id: str, path: str) -> bool:
        """Get one file that is not here, and return whether it is now.

        Raises:
            StoreError: the bucket could not be used.
        """
        return self._bucket is not None and self._bucket.get(content_id, self.folder(content_id), path)

    @property
    def is_shared(self) -> bool:
        """Whether other machines see what is kept here: there is a bucket."""
        return self._bucket is not None

    def keep_file(self, content_id: str, path: str) -> None:
        """See that one file is there for the others as it is here.

        Raises:
            StoreError: the bucket could not be used.
        """
        if self._bucket is not None:
            self._bucket.put(content_id, self.folder(content_id), path)

    def fetch_newest(self, content_id: str, path: str) -> None:
        """Get one file if another machine has changed it since it was here.

        Raises:
            StoreError: the bucket could not be used.
        """
        if self._bucket is not None:
            self._bucket.get(content_id, self.folder(content_id), path, only_newer=True)

    def address(self, content_id: str, path: str) -> str | None:
        """Return where a file is kept for every machine, `s3://...`, or None."""
        return None if self._bucket is None else self._bucket.url(content_id, path)

    def create(self, manifest: Manifest) -> None:
        """Make a content's folder and first manifest; one that is there is left alone.

        Raises:
            StateError: it cannot be written.
        """
        if self.exists(manifest.content_id):
            return
        (self.folder(manifest.content_id) / "raw").mkdir(parents=True, exist_ok=True)
        self.state(manifest.content_id).write(manifest.model_dump(mode="json"))

    def manifest(self, content_id: str) -> Manifest:
        """Read a manifest.

        Raises:
            UsageError: there is none.
            StateError: it is damaged; says where and how to get back.
        """
        if not self.exists(content_id):
            raise UsageError(
                f"There is no content {content_id!r} in {self.root.name}/.",
                next_step="`dayreel status --all` lists them.",
            )
        return Manifest.model_validate(self.state(content_id).read())

    def update(self, content_id: str, **fields: Any) -> Manifest:
        """Set fields of a manifest in one transaction and return the new one. `stages` is merged, the rest replaced.

        Raises:
            StateError: the manifest is damaged or cannot be written; it is as it was before.
        """
        with self.state(content_id).transaction() as transaction:
            manifest = _read(content_id, transaction.data)
            if "stages" in fields:
                fields["stages"] = {**manifest.stages, **fields["stages"]}
            manifest = manifest.model_copy(update=fields)
            transaction.data.clear()
            transaction.data.update(manifest.model_dump(mode="json"))
        return manifest

    def record(self, content_id: str, path: Path) -> FileRecord:
        """Return the record of a file inside the content's folder: relative path, hash, size."""
        return FileRecord(
            path=path.relative_to(self.folder(content_id)).as_posix(),
            sha256=sha256_of(path),
            size_bytes=path.stat().st_size,
        )

    def path(self, content_id: str, file: FileRecord) -> Path:
        """Return where a recorded file lies."""
        return self.folder(content_id) / file.path

    def is_intact(self, content_id: str, file: FileRecord) -> bool:
        """Return whether a recorded file is there with the recorded bytes."""
        path = self.path(content_id, file)
        return path.is_file() and path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256


def _read(content_id: str, document: dict[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        raise StateValidationError(
            f"The manifest of {content_id!r} does not fit its schema: {error.errors()[0]['loc']}: "
            f"{error.errors()[0]['msg']}.",
            next_step=f"It is as it was; `dayreel state restore {content_id}` goes back to a backup.",
        ) from error
