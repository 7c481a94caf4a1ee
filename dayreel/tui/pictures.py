"""A picture as half-block characters: each shows two pixels, the upper in its own colour, the lower behind it.

Good enough to see on any terminal with 256 colours, over SSH too, whether three segments fit together.
"""

from pathlib import Path

from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from dayreel.errors import MediaError

UPPER_HALF = "▀"

Pixel = tuple[int, int, int]


def half_blocks(picture: Path, *, columns: int, most_rows: int) -> list[list[tuple[Pixel, Pixel]]]:
    """Return a picture as rows of (upper, lower) pixels, as large as fits into so many characters.

    Raises:
        MediaError: it is not there, or it is not a picture.
    """
    try:
        with Image.open(picture) as opened:
            opened.draft("RGB", (columns * 2, most_rows * 4))
            scale = min(columns / opened.width, most_rows * 2 / opened.height)
            width, height = max(1, round(opened.width * scale)), max(2, round(opened.height * scale) // 2 * 2)
            pixels = list(opened.convert("RGB").resize((width, height)).getdata())
    except (OSError, Image.DecompressionBombError) as error:
        raise MediaError(
            f"Tried to show the picture {picture.name!r}; it cannot be read: {error}.",
            next_step="The video is not touched by that; `o` plays it.",
        ) from error
    rows = [pixels[start : start + width] for start in range(0, width * height, width)]
    return [list(zip(upper, lower, strict=True)) for upper, lower in zip(rows[::2], rows[1::2], strict=True)]


class HalfBlocks(Widget):
    """Shows what `half_blocks` has made; nothing at all until then."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  as every widget calls it
        super().__init__(id=id)
        self._strips: list[Strip] = []

    def draw(self, rows: list[list[tuple[Pixel, Pixel]]]) -> None:
        """Show these rows."""
        self._strips = [Strip([_segment(*pixels) for pixels in row]) for row in rows]
        self.styles.height = len(rows)
        self.refresh(layout=True)

    def render_line(self, y: int) -> Strip:
        """Return one row."""
        width = self.size.width
        return self._strips[y].adjust_cell_length(width) if y < len(self._strips) else Strip.blank(width)


def _segment(upper: Pixel, lower: Pixel) -> Segment:
    return Segment(UPPER_HALF, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))
