"""What is seen of two films, compared as figures: pictures made here, without a file."""

import numpy as np

from dayreel.footage.media.compare_pictures import PictureDifferences, compare_pictures
from dayreel.media.traces import COLUMNS, ROWS, FinePicture, Numbers, Traces

HIGH, WIDE = 120, 160


def film(luma: Numbers) -> Traces:
    """A film of one picture."""
    grey = np.clip(luma, 0, 255).astype(np.uint8)
    fields = np.full((2, ROWS, COLUMNS), 128, np.uint8)
    fine = {0.5: FinePicture(grey[..., None].repeat(3, 2), (grey,), 0.5)}
    return Traces(np.array([0.0, 1.0]), fields, np.full((2, 3), 128, np.uint8), fine, (), 2.0)


def compare(source: Numbers, made: Numbers) -> PictureDifferences:
    return compare_pictures(film(source), film(made), None)


def test_grain_that_an_encoder_leaves_out_is_no_structure() -> None:
    """Structure that goes is seen as before, under grain too."""
    down, across = np.mgrid[:HIGH, :WIDE]
    picture = 120 + 50 * np.sin(across / 7) + 30 * np.sin((down + across) / 11)
    grainy = picture + np.random.default_rng(3).normal(0, 26, picture.shape)
    assert compare(grainy, grainy).likeness > 0.99
    assert compare(grainy, picture).likeness > 0.84
    assert compare(grainy, 120 + 50 * np.sin(across / 7)).likeness < 0.84
    assert compare(picture, grainy).likeness < 0.84
