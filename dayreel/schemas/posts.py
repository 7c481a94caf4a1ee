"""What a channel file may say about its posts on any platform; what a platform takes beside it is in its own file."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from pydantic import Field, field_validator

from dayreel.schemas.strict import Strict


@dataclass(frozen=True)
class PlatformAccount:
    """Whose account a platform says it is: its own id of it, and the name that people know it by."""

    id: str
    name: str

    def __str__(self) -> str:
        """Return both, for people."""
        return self.id if self.name in ("", self.id) else f"{self.name} ({self.id})"


def optional_field(description: str, *, default: Any = None, **rules: Any) -> Any:
    """Return a field that is left out of every dump while it is unset.

    An approval binds what a dump holds, so one that was given before the field existed still holds.

    Args:
        default: None, False or an empty tuple.
        rules: further arguments of pydantic's `Field`.
    """
    return Field(default, description=description, exclude_if=_is_unset, **rules)


def _is_unset(value: object) -> bool:
    return value is None or value is False or value == ()


class PostFields(Strict):
    """How a content is posted on a platform."""

    ai_disclosure: bool = Field(default=True, description="label the post as made with AI")
    hashtags: tuple[str, ...] = Field((), description="added to the caption")


class FrameCover(PostFields):
    """A platform that shows a frame of the video as its cover."""

    cover_at_s: float | None = optional_field("the cover is the frame at this moment of the video, in seconds", ge=0)


class PictureCover(FrameCover):
    """A platform that also takes a picture file as the cover."""

    COVER_SUFFIXES: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg", ".png")

    cover_file: str | None = optional_field(
        "the cover is this picture: a path relative to the channel file; it wins over `cover_at_s`", min_length=1
    )

    @field_validator("cover_file")
    @classmethod
    def _is_a_picture_beside_the_channels(cls, path: str | None) -> str | None:
        if path is None:
            return None
        name = PurePosixPath(path.partition(COVER_HASH)[0])
        if name.is_absolute() or ".." in name.parts or name.suffix.lower() not in cls.COVER_SUFFIXES:
            raise ValueError(
                f"{str(name)!r} is not a path below the folder of the channel files that ends in "
                f"{' or '.join(cls.COVER_SUFFIXES)}"
            )
        return path

    @property
    def cover_path(self) -> str | None:
        """The picture's path without what is known of its bytes."""
        return self.cover_file and self.cover_file.partition(COVER_HASH)[0]

    @property
    def cover_sha256(self) -> str | None:
        """The SHA-256 of the picture's bytes, as an approval binds them."""
        return self.cover_file and self.cover_file.partition(COVER_HASH)[2]


COVER_HASH: Final = "#sha256="
"""Stands between a picture's path and the hash of its bytes."""
