"""The marts in an S3 bucket (AWS, R2, MinIO), with a local copy of what was read, so that DuckDB reads files as always.

The bucket is what counts. A partition is put there first and in the copy after it. Before anything is read the bucket
is asked which objects it has, and those that changed are fetched. Keys, region and endpoint are AWS's own variables.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from dayreel.atomic_write import atomic_write_bytes, atomic_write_text
from dayreel.settings import Settings
from dayreel.stores.mart_files import MartFiles, charts_folder
from dayreel.stores.s3 import GONE, BucketLocation, RefusedError, connect_s3


def mart_place(text: str) -> BucketLocation:
    """Return the place that DAYREEL_MARTS_BUCKET names.

    Raises:
        ConfigurationError: it names none.
    """
    return BucketLocation.parse(
        text, variable="DAYREEL_MARTS_BUCKET", example="my-marts", safe="nothing is written by halves."
    )


class MartBucket(MartFiles):
    """All marts below one place of a bucket.

    Args:
        place: `bucket` or `bucket/prefix`.
        copy: a folder of this project that only this class writes.
    """

    def __init__(self, place: str, copy: Path) -> None:
        """Remember where; nothing is asked yet.

        Raises:
            ConfigurationError: `place` is not a valid name of a bucket.
        """
        self._place = mart_place(place)
        # Two places never share a copy.
        super().__init__(copy / self._place.bucket / self._place.prefix)

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Put one object, then its local copy; see `MartFiles.write_bytes`.

        Raises:
            StoreError: the bucket did not take it; what was there before is untouched.
            OSError: the copy could not be written.
        """
        answer = self._place.asked(
            f"write {name!r} to",
            lambda: self._client.put_object(Bucket=self._place.bucket, Key=self._place.prefix + name, Body=content),
        )
        self._keep(name, content, str(answer["ETag"]))
        return self.root / name

    def read(self, mart: str, partitions: Iterable[str], *, schema: Any = None) -> Any:
        """Fetch what changed and read it; see `MartFiles.read`.

        Raises:
            StoreError: the bucket could not be read.
        """
        self._fetch(mart)
        return super().read(mart, partitions, schema=schema)

    def partitions(self, mart: str) -> list[str]:
        """Fetch what changed, and return the partitions that the bucket has, in order.

        Raises:
            StoreError: the bucket could not be read.
        """
        self._fetch(mart)
        return super().partitions(mart)

    def chart(self, week: str, scope: str, name: str) -> bytes | None:
        """Read one chart from the bucket; see `MartFiles.chart`.

        Raises:
            StoreError: the bucket could not be read.
        """
        path = f"{charts_folder(week, scope)}/{name}.png"
        try:
            return self._place.asked(f"read {path!r} from", partial(self._content, path))
        except RefusedError as error:
            if error.code in GONE:
                return None
            raise

    def _fetch(self, mart: str) -> None:
        """Make the copy of a mart what the bucket has: changed objects are read, those that are gone are deleted."""
        there = self._place.asked(f"list {mart!r} in", lambda: dict(self._listed(f"{mart}/")))
        for name, tag in there.items():
            if not (self.root / name).is_file() or self._tag_of(name) != tag:
                self._keep(name, self._place.asked(f"read {name!r} from", partial(self._content, name)), tag)
        for path in (self.root / mart).glob("*.parquet"):
            if f"{mart}/{path.name}" not in there:
                path.unlink()

    def _listed(self, folder: str) -> Iterator[tuple[str, str]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._place.bucket, Prefix=self._place.prefix + folder
        )
        for page in pages:
            for item in page.get("Contents", ()):
                name = str(item["Key"]).removeprefix(self._place.prefix)
                # The bucket is open to others: only what a mart can be called is fetched to this disk.
                if re.fullmatch(rf"{re.escape(folder)}[\w-]+\.parquet", name):
                    yield name, str(item["ETag"])

    def _content(self, name: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=self._place.bucket, Key=self._place.prefix + name)[
            "Body"
        ].read()
        return content

    def _keep(self, name: str, content: bytes, tag: str) -> None:
        # The tag last: a copy whose tag is an old one is fetched again.
        atomic_write_bytes(self.root / name, content)
        atomic_write_text(self._tag_path(name), tag)

    def _tag_of(self, name: str) -> str | None:
        path = self._tag_path(name)
        return path.read_text(encoding="utf-8") if path.is_file() else None

    def _tag_path(self, name: str) -> Path:
        return (self.root / name).with_suffix(".etag")

    @cached_property
    def _client(self) -> Any:
        return connect_s3()


def open_mart_files(settings: Settings) -> MartFiles:
    """Return the project's marts: in `var/marts`, or in the bucket that `DAYREEL_MARTS_BUCKET` names.

    Raises:
        ConfigurationError: the bucket's name cannot be used.
    """
    if settings.marts_bucket is None:
        return MartFiles(settings.var_dir / "marts")
    return MartBucket(settings.marts_bucket, settings.var_dir / "marts_copy")
