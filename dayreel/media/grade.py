"""How the segments' colours are graded: a 3D LUT, from a .cube file or by name, as strong as asked.

One way for both: a table of colours that FFmpeg's lut3d looks up. Where it stands in the graph is `edit_graph`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dayreel.errors import MediaError
from dayreel.media.picture import Node

Colours = NDArray[np.float64]
"""Red, green and blue, 0 to 1, along the last axis."""

_SIZE = 33
_MOST_SIZE = 65
_LUMA = np.array([0.2126, 0.7152, 0.0722])
_KEYWORD = re.compile(r"[A-Z]")


@dataclass(frozen=True)
class Grade:
    """A grade: one of `GRADES` by name, or the path of a .cube file. `strength` 0 leaves a picture as it is."""

    look: str | Path
    strength: float = 1.0


@dataclass(frozen=True)
class _Table:
    """What each colour of a grid becomes; red changes first, as in a .cube file."""

    size: int
    colours: Colours


def write_lut(grade: Grade, folder: Path) -> Path:
    """Write a grade into a folder as a .cube file for FFmpeg, and return its path.

    Raises:
        MediaError: the file of the grade cannot be used; says why.
    """
    table = read_cube(grade.look) if isinstance(grade.look, Path) else _named(grade.look)
    plain = _grid(table.size)
    colours = plain + grade.strength * (table.colours - plain)
    dest = folder / "grade.cube"
    lines = [f"LUT_3D_SIZE {table.size}", *(" ".join(f"{value:.6f}" for value in row) for row in colours)]
    dest.write_text("\n".join(lines) + "\n", encoding="ascii")
    return dest


def graded(node: Node, lut: Path) -> Node:
    """Look every colour up in a .cube file; the picture stays limited range, BT.709 and yuv420p."""
    return (
        node.filter("format", "gbrp")
        .filter("lut3d", file=str(lut.absolute()), interp="tetrahedral")
        .filter("scale", out_color_matrix="bt709", out_range="limited")
        .filter("format", "yuv420p")
        .filter("setparams", range="limited", color_primaries="bt709", color_trc="bt709", colorspace="bt709")
    )


def read_cube(path: Path) -> _Table:
    """Read a 3D LUT in Adobe's .cube format (Cube LUT Specification 1.0).

    Raises:
        MediaError: it is missing, is not one, is one-dimensional, or covers another range than 0 to 1.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, f"it cannot be read ({error})") from error
    written = [line for line in lines if line and not line.startswith("#")]
    words = {line.split()[0]: line.split()[1:] for line in written if _KEYWORD.match(line)}
    if "LUT_3D_SIZE" not in words:
        has = "it is a one-dimensional LUT" if "LUT_1D_SIZE" in words else "it does not say LUT_3D_SIZE"
        raise _unusable(path, has)
    try:
        size = int(words["LUT_3D_SIZE"][0])
        domain = [float(value) for bound in ("MIN", "MAX") for value in words.get(f"DOMAIN_{bound}", ())]
        rows = [[float(value) for value in line.split()] for line in written if not _KEYWORD.match(line)]
    except (ValueError, IndexError) as error:
        raise _unusable(path, f"a number in it cannot be read ({error})") from error
    if domain not in ([], [0.0] * 3, [1.0] * 3, [0.0] * 3 + [1.0] * 3):
        raise _unusable(path, "it covers another range than 0 to 1")
    if not 2 <= size <= _MOST_SIZE or len(rows) != size**3 or any(len(row) != 3 for row in rows):  # noqa: PLR2004
        raise _unusable(path, f"{size} per axis need {size**3} lines of three numbers, and it has {len(rows)}")
    return _Table(size, np.array(rows))


def _unusable(path: Path, why: str) -> MediaError:
    return MediaError(
        f"Opened the grade {str(path)!r}; {why}.",
        next_step="Export it as a 3D .cube of 17, 33 or 65 points for Rec. 709 video.",
    )


def _grid(size: int) -> Colours:
    steps = np.linspace(0.0, 1.0, size)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    return np.stack([red, green, blue], axis=-1).reshape(-1, 3)


def _named(name: str) -> _Table:
    return _Table(_SIZE, np.clip(GRADES[name](_grid(_SIZE)), 0.0, 1.0))


def _curved(colours: Colours, contrast: float) -> Colours:
    """Bend the tones into an S around the middle: steeper there, black and white stay."""
    smooth: Colours = colours * colours * (3 - 2 * colours)
    return colours + contrast * (smooth - colours)


def _saturated(colours: Colours, amount: float) -> Colours:
    luma: Colours = (colours @ _LUMA)[:, None]
    return luma + amount * (colours - luma)


def _toned(colours: Colours, shadows: tuple[float, float, float], lights: tuple[float, float, float]) -> Colours:
    """Add one colour to the shadows and another to the lights."""
    luma: Colours = (colours @ _LUMA)[:, None]
    toned: Colours = colours + (1 - luma) ** 2 * np.array(shadows) + luma**2 * np.array(lights)
    return toned


def _warm(colours: Colours) -> Colours:
    return _toned(_curved(colours * [1.05, 1.0, 0.92], 0.2), (0.01, 0.0, -0.01), (0.03, 0.015, -0.03))


def _cool(colours: Colours) -> Colours:
    return _toned(_curved(colours * [0.94, 1.0, 1.05], 0.2), (-0.01, 0.0, 0.02), (-0.02, 0.0, 0.02))


def _film(colours: Colours) -> Colours:
    # Lifted blacks and soft whites, teal below, amber above: what people take for film.
    soft = 0.045 + 0.93 * _curved(_saturated(colours, 0.88), 0.35)
    return _toned(soft, (-0.02, 0.01, 0.03), (0.03, 0.01, -0.035))


def _vivid(colours: Colours) -> Colours:
    return _saturated(_curved(colours, 0.3), 1.3)


def _mono(colours: Colours) -> Colours:
    return _curved(_saturated(colours, 0.0), 0.35)


GRADES: Mapping[str, Callable[[Colours], Colours]] = {
    "warm": _warm,
    "cool": _cool,
    "film": _film,
    "vivid": _vivid,
    "mono": _mono,
}
"""The grades that have a name."""
