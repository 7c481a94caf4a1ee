"""The content folders in an S3 bucket (AWS, R2, MinIO), so that every machine that works on them sees the same.

    <bucket>/<prefix>/<content-id>/metadata.json, final_video.mp4, raw/video_1.mp4 ...

ffmpeg and the vendors' clients need files, so each machine keeps a copy; the bucket is what they agree on. A folder is
pulled before something is made of it and pushed when a stage is done, the manifest last both times. Two machines that
changed one manifest are never merged: the second is refused. Keys, region and endpoint are AWS's own variables.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Final

from dayreel.atomic_write import atomic_write_text
from dayreel.errors import StaleState
from dayreel.s3_sdk import in_parts
from dayreel.stores.locks import alone
from dayreel.stores.s3 import GONE, BucketLocation, RefusedError, connect_s3, use_plain_checksums

MANIFEST: Final = "metadata.json"
PARTS: Final = (
    "idea.json",
    "prompts.json",
    "analytics.json",
    "catalog.json",
    "captions.*",
    "narration.*",
    "final_video.mp4",
    "*.jpg",
    "raw/*",
    "thumbnails/*",
)
"""What of a folder goes into the bucket besides the manifest; locks, backups and incoming files do not."""

Keep = Callable[[dict[str, Any]], None]
"""Writes a manifest that came from the bucket: manifests have one writer."""

_WAIT_S: Final = 600.0
_CHANGED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


def content_place(text: str) -> BucketLocation:
    """Return the place that DAYREEL_CONTENT_BUCKET names.

    Raises:
        ConfigurationError: it names none.
    """
    return BucketLocation.parse(
        text,
        variable="DAYREEL_CONTENT_BUCKET",
        example="my-videos",
        safe="what was made is here and is not paid for twice.",
    )


class ContentBucket:
    """All content folders below one place of a bucket.

    Args:
        place: `bucket` or `bucket/prefix`.
        connect: makes the client when it is first needed.
    """

    def __init__(self, place: str, connect: Callable[[], Any] = connect_s3) -> None:
        """Remember where; nothing is asked yet.

        Raises:
            ConfigurationError: `place` is not a valid name of a bucket.
        """
        self._place = content_place(place)
        self._connect = connect

    def url(self, content_id: str, path: str) -> str:
        """Return a file's address for people, `s3://...`; it opens nothing by itself."""
        return f"s3://{self._place.bucket}/{self._key(content_id, path)}"

    def content_ids(self) -> list[str]:
        """Return the contents that the bucket has.

        Raises:
            StoreError: the bucket could not be used.
        """
        start = self._place.prefix

        def listed() -> list[str]:
            paginator = self._client.get_paginator("list_objects_v2")
            pages = paginator.paginate(Bucket=self._place.bucket, Prefix=start, Delimiter="/")
            return [
                str(folder["Prefix"]).removeprefix(start).rstrip("/")
                for page in pages
                for folder in page.get("CommonPrefixes", ())
            ]

        return self._place.asked("list the contents in", listed)

    def push(self, content_id: str, folder: Path) -> list[str]:
        """Put what has changed here since the last time, and return its paths.

        Raises:
            StaleState: another machine has changed the manifest meanwhile; the bucket's is untouched.
            StoreError: the bucket could not be used; what was not put is put the next time.
        """
        put: list[str] = []
        with _notes(folder) as notes:
            for path in _parts_of(folder):
                if not notes.is_as_noted(path):
                    seen = notes.look(path)
                    notes.note(path, self._put_file(content_id, folder, path), seen)
                    put.append(path)
            if (folder / MANIFEST).is_file() and not notes.is_as_noted(MANIFEST):
                seen = notes.look(MANIFEST)
                tag = self._put_manifest(content_id, (folder / MANIFEST).read_bytes(), notes.tag(MANIFEST))
                notes.note(MANIFEST, tag, seen)
                put.append(MANIFEST)
        return put

    def pull(self, content_id: str, folder: Path, *, keep_manifest: Keep) -> list[str]:
        """Get what has changed there since the last time, and return its paths; a content it does not have is nothing.

        Raises:
            StaleState: the manifest was changed both here and by another machine; nothing was done.
            StoreError: the bucket could not be used.
        """
        there = self._place.asked(f"list {content_id!r} in", lambda: dict(self._listed(content_id)))
        if not there:
            return []
        with _notes(folder) as notes:
            wanted = [path for path in sorted(there) if path != MANIFEST and notes.is_missing(path, there[path])]
            manifest = None
            if MANIFEST in there and notes.is_missing(MANIFEST, there[MANIFEST]):
                manifest = self._manifest(content_id)
                self._refuse_conflict(content_id, folder, notes, manifest)
            for path in wanted:
                self._get_file(content_id, folder, path)
                notes.note(path, there[path], notes.look(path))
            if manifest is not None:
                keep_manifest(manifest)
                notes.note(MANIFEST, there[MANIFEST], notes.look(MANIFEST))
                wanted.append(MANIFEST)
        return wanted

    def put(self, content_id: str, folder: Path, path: str) -> None:
        """Put one file as it is here, whatever is there.

        Raises:
            StoreError: the bucket could not be used.
        """
        with _notes(folder) as notes:
            seen = notes.look(path)
            notes.note(path, self._put_file(content_id, folder, path), seen)

    def get(self, content_id: str, folder: Path, path: str, *, only_newer: bool = False) -> bool:
        """Get one file that is not here, and return whether it is now.

        Args:
            only_newer: leave the one that is here, unless the bucket's was changed since both last agreed.

        Raises:
            StoreError: the bucket could not be used.
        """
        tag = self._tag(content_id, path) if _is_part(path) else None
        if tag is None:
            return False
        with _notes(folder) as notes:
            if not only_newer or notes.is_missing(path, tag):
                self._get_file(content_id, folder, path)
                notes.note(path, tag, notes.look(path))
        return True

    def get_manifest(self, content_id: str, folder: Path, *, keep_manifest: Keep) -> bool:
        """Get the manifest alone of a content that is not here, and return whether it is now.

        Raises:
            StoreError: the bucket could not be used.
        """
        tag = self._tag(content_id, MANIFEST)
        if tag is None:
            return False
        with _notes(folder) as notes:
            keep_manifest(self._manifest(content_id))
            notes.note(MANIFEST, tag, notes.look(MANIFEST))
        return True

    # -- the objects ---------------------------------------------------------------------------------------------------

    def _key(self, content_id: str, path: str) -> str:
        return f"{self._place.prefix}{content_id}/{path}"

    def _at(self, content_id: str, path: str) -> dict[str, str]:
        return {"Bucket": self._place.bucket, "Key": self._key(content_id, path)}

    def _listed(self, content_id: str) -> Iterator[tuple[str, str]]:
        start = self._key(content_id, "")
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._place.bucket, Prefix=start)
        for page in pages:
            for item in page.get("Contents", ()):
                path = str(item["Key"]).removeprefix(start)
                # The bucket is open to others: only what a content consists of comes to this disk.
                if path == MANIFEST or _is_part(path):
                    yield path, str(item["ETag"])

    def _tag(self, content_id: str, path: str) -> str | None:
        try:
            head = self._place.asked(
                f"look for {path!r} in", lambda: self._client.head_object(**self._at(content_id, path))
            )
        except RefusedError as error:
            if error.code in GONE:
                return None
            raise
        return str(head["ETag"])

    def _put_file(self, content_id: str, folder: Path, path: str) -> str:
        at = self._at(content_id, path)
        self._place.asked(
            f"put {path!r} into",
            lambda: self._client.upload_file(str(folder / path), at["Bucket"], at["Key"], Config=in_parts()),
        )
        tag = self._tag(content_id, path)
        if tag is None:
            raise self._place.refused(f"put {path!r} into", "it took the file and does not have it")
        return tag

    def _put_manifest(self, content_id: str, content: bytes, tag: str | None) -> str:
        """Put the manifest if the bucket's is still the one that we know; both sides of the race cannot win."""
        condition = {"IfMatch": tag} if tag is not None else {"IfNoneMatch": "*"}
        at = self._at(content_id, MANIFEST)
        try:
            answer = self._place.asked(
                f"put the manifest of {content_id!r} into",
                lambda: self._client.put_object(**at, Body=content, ContentType="application/json", **condition),
            )
        except RefusedError as error:
            if error.code not in _CHANGED:
                raise
            there = self._manifest(content_id)
            if there != json.loads(content):
                raise self._conflict(content_id) from error
            # It is there already: the answer to an earlier put was lost.
            return self._tag(content_id, MANIFEST) or ""
        return str(answer["ETag"])

    def _get_file(self, content_id: str, folder: Path, path: str) -> None:
        at = self._at(content_id, path)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        self._place.asked(
            f"get {path!r} from",
            # Written aside and renamed by the SDK.
            lambda: self._client.download_file(at["Bucket"], at["Key"], str(folder / path), Config=in_parts()),
        )

    def _manifest(self, content_id: str) -> dict[str, Any]:
        attempted = f"get the manifest of {content_id!r} from"
        at = self._at(content_id, MANIFEST)
        content = self._place.asked(attempted, lambda: bytes(self._client.get_object(**at)["Body"].read()))
        try:
            document: dict[str, Any] = json.loads(content)
        except ValueError as error:
            raise self._place.refused(attempted, f"it is not JSON ({error})") from error
        return document

    def _refuse_conflict(self, content_id: str, folder: Path, notes: "_Notes", there: dict[str, Any]) -> None:
        here = folder / MANIFEST
        if here.is_file() and not notes.is_as_noted(MANIFEST) and json.loads(here.read_bytes()) != there:
            raise self._conflict(content_id)

    def _conflict(self, content_id: str) -> StaleState:
        return StaleState(
            f"The manifest of {content_id!r} was changed here and by another machine, in {self.url(content_id, '')}.",
            next_step="Nothing was lost: look at both; then move the one that is wrong away, and try again.",
        )

    @cached_property
    def _client(self) -> Any:
        use_plain_checksums()  # also where Dagster makes the client
        return self._connect()


class _Notes:
    """What this machine and the bucket last agreed on: each file's tag there, and its size and time of change here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / ".pipeline" / "bucket.json"
        self._noted: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError):  # only a help: without it everything is compared again
            self._noted = json.loads(self._path.read_text(encoding="utf-8"))

    def look(self, path: str) -> dict[str, Any]:
        """Return how a file is here now; taken before it is read, so that a later change is seen."""
        facts = (self._folder / path).stat()
        return {"size_bytes": facts.st_size, "mtime_ns": facts.st_mtime_ns}

    def note(self, path: str, tag: str, seen: dict[str, Any]) -> None:
        """Note that the bucket has under `tag` what was seen here."""
        self._noted[path] = {"tag": tag, **seen}
        atomic_write_text(self._path, json.dumps(self._noted, indent=1, sort_keys=True))

    def tag(self, path: str) -> str | None:
        """Return the bucket's tag when both last agreed."""
        noted = self._noted.get(path)
        return None if noted is None else str(noted["tag"])

    def is_as_noted(self, path: str) -> bool:
        """Return whether a file is as it was when both last agreed."""
        noted = self._noted.get(path)
        return noted is not None and noted == {"tag": noted["tag"], **self.look(path)}

    def is_missing(self, path: str, tag: str) -> bool:
        """Return whether the bucket has something under `tag` that is not here."""
        return self.tag(path) != tag or not (self._folder / path).is_file()


@contextmanager
def _notes(folder: Path) -> Iterator[_Notes]:
    """Hold a content's notes; other processes of this machine wait."""
    too_long = (
        f"Another process has been moving the files of {folder.name!r} to or from the bucket for {_WAIT_S:.0f} s."
    )
    with alone(folder / ".pipeline" / "bucket.lock", wait_s=_WAIT_S, busy=lambda: too_long):
        yield _Notes(folder)


def _is_part(path: str) -> bool:
    """Return whether a path is one of `PARTS`: no folder above, nothing hidden, nothing half-written."""
    place = PurePosixPath(path)
    is_plain = not place.is_absolute() and all(not name.startswith(".") for name in place.parts)
    # `match` goes from the right, so the number of folders has to agree as well.
    return is_plain and any(
        place.match(pattern) and len(place.parts) == len(PurePosixPath(pattern).parts) for pattern in PARTS
    )


def _parts_of(folder: Path) -> list[str]:
    """Return what there is of a folder's parts, in order."""
    paths = {path for pattern in PARTS for path in folder.glob(pattern) if path.is_file() and not path.is_symlink()}
    return sorted(name for path in paths if _is_part(name := path.relative_to(folder).as_posix()))
