"""A thousand spoiled items, a kill at every step of taking one in, flat films by the hundred, ten thousand items."""

import itertools
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.record_item import new_manifest
from dayreel.footage.library.run_pass import due_library, run_pass
from dayreel.footage.media.perceptual_hash import looks_alike, perceptual_hash
from dayreel.footage.rules.paths import ItemName
from dayreel.footage.schemas.job import JobFile
from dayreel.footage.schemas.library import StageMade
from dayreel.services.project import Project
from tests.fakes.library import make_library
from tests.unit.footage.library.conftest import make_film
from tests.unit.footage.library.test_fuzzed_library import fuzz
from tests.unit.footage.library.test_item_kills import kill_a_pass, kill_an_ingest

__all__ = ["make_film"]
_WIDE, _HIGH = 160, 96


@pytest.mark.parametrize("seed", range(25))
def test_spoiled_items_stop_nobody(
    make_project: Callable[..., Project],
    make_film: Callable[..., Path],
    figure: Callable[[str], None],
    seed: int,
) -> None:
    library = make_library(make_project())
    troubles = fuzz(library, make_film(1), make_film(2), seed=100 + seed, items=40)
    figure(f"40 spoiled items, {troubles} in trouble, 0 looks stopped")


@pytest.mark.parametrize("kill", ["ingest", "pass"])
def test_a_kill_at_every_step_is_made_good(
    make_project: Callable[..., Project],
    make_film: Callable[..., Path],
    figure: Callable[[str], None],
    tmp_path: Path,
    kill: str,
) -> None:
    for step in itertools.count(1):
        library = _fresh(make_project, tmp_path / str(step))
        if kill == "ingest":
            was_killed = kill_an_ingest(library, [make_film(1), make_film(2)], step)
        else:
            was_killed = kill_a_pass(library, make_film(1), step)
        shutil.rmtree(tmp_path / str(step))
        if not was_killed:
            break
    figure(f"{step - 1} kills, 0 items lost, doubled or stuck")
    assert step > 20


def _fresh(make_project: Callable[..., Project], root: Path) -> Library:
    root.mkdir()
    project = make_project()
    settings = project.settings.model_copy(update={"root": root})
    library = make_library(replace(project, settings=settings))
    with library.project.catalog.write("library") as connection:
        for table in ("media_items", "state_transitions"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    return library


# -- looks like --------------------------------------------------------------------------------------------------------


def _write(path: Path, pictures: list[np.ndarray], *, crf: int, codec: str = "libx264", scale: float = 1.0) -> str:
    with av.open(str(path), "w", format="matroska") as container:
        stream: Any = container.add_stream(codec, rate=8)
        stream.width, stream.height, stream.pix_fmt = int(_WIDE * scale), int(_HIGH * scale), "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": str(crf)}
        for at, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return perceptual_hash(path)


def _flat(kind: str, rng: np.random.Generator) -> list[np.ndarray]:
    rows, columns = np.mgrid[0:_HIGH, 0:_WIDE]
    canvas = np.zeros((_HIGH, _WIDE, 3))
    if kind == "white":
        canvas[:] = 255 - rng.integers(0, 6)
    elif kind == "colour":
        canvas[:] = rng.integers(0, 255, 3)
    elif kind == "star":
        y, x = rng.integers(4, _HIGH - 5), rng.integers(4, _WIDE - 5)
        canvas[y - 1 : y + 2, x - 1 : x + 2] = 255
    elif kind == "logo":
        canvas[:] = rng.choice([10, 245])
        size = int(rng.integers(18, 34))
        apart = np.abs(rows - _HIGH // 2), np.abs(columns - _WIDE // 2)
        circle, square = np.hypot(*apart) < size, np.maximum(*apart) < size
        ring = circle & (np.hypot(*apart) > size * 0.6)
        canvas[[circle, square, ring, square & (columns // 8 % 2 == 0)][rng.integers(4)]] = rng.integers(0, 255, 3)
    elif kind == "gradient":
        turn = rng.uniform(0, 6.28)
        slope = np.cos(turn) * columns / _WIDE + np.sin(turn) * rows / _HIGH
        canvas[:] = ((slope - slope.min()) / np.ptp(slope) * rng.integers(100, 255))[..., None]
    elif kind == "fade":
        return [np.full((_HIGH, _WIDE, 3), at * 16, dtype=np.uint8) for at in range(16)]
    return [canvas.astype(np.uint8)] * 16


def _natural(rng: np.random.Generator) -> list[np.ndarray]:
    """Return a moving picture whose detail falls with its size, as that of nature does."""
    size = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(224)[None])
    size[0, 0] = 1
    pictures: list[np.ndarray] = []
    for _ in range(4):
        field = np.real(np.fft.ifft2(np.fft.fft2(rng.normal(size=(128, 224))) / size ** rng.uniform(1.0, 1.5)))
        grey = rng.uniform(60, 170) + rng.uniform(18, 60) * (field - field.mean()) / field.std()
        down, right = rng.integers(-2, 3), rng.integers(-3, 4)
        moved = (np.roll(grey, (down * at, right * at), (0, 1))[:_HIGH, :_WIDE] for at in range(4))
        pictures += [np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, 2) for picture in moved]
    return pictures


def test_flat_films_are_never_called_alike(tmp_path: Path, figure: Callable[[str], None]) -> None:
    rng, path = np.random.default_rng(7), tmp_path / "film.mkv"
    kinds = ["white", "colour", "star", "logo", "gradient", "fade"]
    films = [_write(path, _flat(kinds[number % 6], rng), crf=20 + number % 9) for number in range(120)]
    alike = sum(looks_alike(first, other) is True for first, other in itertools.combinations(films, 2))
    figure(f"{len(films) * (len(films) - 1) // 2} pairs of flat films, {alike} called alike")
    assert alike == 0


def test_re_encoded_films_are_all_called_alike(tmp_path: Path, figure: Callable[[str], None]) -> None:
    path = tmp_path / "film.mkv"
    pairs = []
    for number in range(100):
        pictures = _natural(np.random.default_rng(number))
        again = {"codec": ("libx264", "libx265")[number % 2], "scale": (1.0, 0.5, 2.0)[number % 3]}
        pairs.append((_write(path, pictures, crf=18), _write(path, pictures, crf=(30, 36, 40)[number % 3], **again)))  # type: ignore[arg-type]
    same = sum(looks_alike(first, other) is True for first, other in pairs)
    others = sum(looks_alike(pairs[at][0], pairs[at - 1][1]) is True for at in range(100))
    figure(f"{same} of 100 re-encoded films called alike; {others} of 100 other pairs")
    assert (same, others) == (100, 0)


# -- ten thousand ------------------------------------------------------------------------------------------------------


def _fill(library: Library, first: int, last: int) -> None:
    """Put items there as a script and an ingest leave them: marked, with a manifest."""
    made_at = library.project.clock.now()
    rng = random.Random(first)
    for number in range(first, last):
        name = ItemName("movie", f"Film_{number}")
        pipeline = library.root / name.marker_dir("rip")
        pipeline.mkdir(parents=True)
        marker = pipeline / "rip.done"
        marker.touch()
        file = JobFile(path="film.mp4", size_bytes=4, sha256=f"{rng.getrandbits(256):064x}")
        made = StageMade(
            folder=name.folder("rip"),
            files=(file,),
            made_by="a script",
            made_at=made_at,
            facts={"marker_stamp": marker.stat().st_mtime_ns},
        )
        manifest = new_manifest(library, name).model_copy(update={"stages": {"rip": made}})
        (pipeline / "metadata.json").write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def test_a_look_grows_in_line_with_the_library(
    make_project: Callable[..., Project], figure: Callable[[str], None]
) -> None:
    """Every act at 1,000, 3,000 and 10,000 items: the exponent of its growth is 1 where it is in line."""
    library = make_library(make_project())
    acts: dict[str, Callable[[Library], object]] = {
        "scan, all new": run_pass,
        "scan, nothing new": run_pass,
        "watch": due_library,
        "rebuild": rebuild,
    }
    counts = (1_000, 3_000, 10_000)
    took: dict[str, list[float]] = {name: [] for name in acts}
    for first, last in itertools.pairwise((0, *counts)):
        _fill(library, first, last)
        for name, act in acts.items():
            begun = time.process_time()
            act(library)
            took[name].append(time.process_time() - begun)
    for name, times in took.items():
        # Of the first, only the new ones are work; each has the others to be compared with.
        sizes = np.diff((0, *counts)) if name == "scan, all new" else np.array(counts)
        exponent = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
        figure(f"{name}: {', '.join(f'{seconds:.1f}' for seconds in times)} CPU s, exponent {exponent:.2f}")
        assert exponent < 1.15, name
