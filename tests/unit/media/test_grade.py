"""Grades: a .cube file does what it says, a named one keeps black, white and the order of greys."""

from pathlib import Path

import numpy as np
import pytest

from dayreel.errors import MediaError
from dayreel.media.grade import GRADES, Grade, read_cube, write_lut

SWAP = 'TITLE "red and blue swapped"\nLUT_3D_SIZE 2\n# red changes first\n' + "\n".join(
    f"{blue} {green} {red}" for blue in (0, 1) for green in (0, 1) for red in (0, 1)
)


@pytest.fixture
def swap(tmp_path: Path) -> Path:
    path = tmp_path / "it's a: [swap], 100%.cube"
    path.write_text(SWAP)
    return path


@pytest.mark.parametrize(("strength", "becomes"), [(1.0, (0, 0, 1)), (0.5, (0.5, 0, 0.5))])
def test_a_file_is_used_as_strongly_as_asked(
    swap: Path, tmp_path: Path, strength: float, becomes: tuple[float, ...]
) -> None:
    written = read_cube(write_lut(Grade(swap, strength), tmp_path))
    assert written.size == 2
    assert tuple(written.colours[1]) == becomes  # what red has become


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("LUT_1D_SIZE 2\n0 0 0\n1 1 1", "it is a one-dimensional LUT"),
        ("<html>", "it does not say LUT_3D_SIZE"),
        ("LUT_3D_SIZE 2\n0 0 0", "2 per axis need 8 lines of three numbers, and it has 1"),
        ("LUT_3D_SIZE 2\n0 0 zero", "a number in it cannot be read"),
        ("DOMAIN_MAX 4 4 4\n" + SWAP, "it covers another range than 0 to 1"),
        (None, "it cannot be read"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "look.cube"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MediaError, match=words):
        read_cube(path)


@pytest.mark.parametrize("name", GRADES)
def test_a_named_grade_keeps_the_order_of_greys(name: str, tmp_path: Path) -> None:
    table = read_cube(write_lut(Grade(name), tmp_path))
    greys = table.colours.reshape(table.size, table.size, table.size, 3)[tuple([np.arange(table.size)] * 3)]
    brightness = greys.mean(axis=1)
    assert np.all(np.diff(brightness) > 0)
    assert brightness[0] < 0.1
    assert brightness[-1] > 0.9
    assert np.ptp(greys, axis=1).max() < 0.25
