"""The shape of a completion marker: `content/<content-id>/.pipeline/<name>.done`, written by whoever made a file.

Names and what belongs to a channel are `dayreel.rules.markers`; taking the file over is `services.making.adopt_marker`.
"""

from pathlib import PurePosixPath

from pydantic import Field, field_validator

from dayreel.schemas.content import Shape


class Marker(Shape):
    """What a producer says of the one file it has finished.

    Attributes:
        file: path inside the content's folder.
        spec: the channel's spec hash (`dayreel channels spec NAME`), by which the file says what it was made for.
        caption, idea: for a final video of a day that has no idea yet.
    """

    file: str = Field(min_length=1, max_length=300)
    size_bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    producer: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@/-]{0,79}$")
    spec: str = Field(pattern=r"^[0-9a-f]{64}$")
    caption: str | None = Field(None, min_length=3, max_length=1500)
    idea: str | None = Field(None, min_length=10, max_length=600)

    @field_validator("file")
    @classmethod
    def _stays_inside(cls, file: str) -> str:
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or "\\" in file:
            raise ValueError("it must lie inside the content's folder")
        return file
