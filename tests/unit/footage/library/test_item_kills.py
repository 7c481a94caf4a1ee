"""Whoever takes an item in may die between catalog, manifest and marker: the next look puts it right.

Every step is `make soak PART=fuzzed_library`; these are a few of them.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import UsageError
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.run_pass import run_pass
from dayreel.services.project import Project
from dayreel.stores.files import sha256_of
from tests.fakes.library import drop, make_library
from tests.unit.footage.library.item_kills import assert_whole, killed_at

FALLS = movie_name("Hidden Falls", 2019)


def kill_an_ingest(library: Library, films: list[Path], step: int) -> bool:
    """Kill an ingest at a step, do it again as a person would, and look; return whether it came to that step."""
    was_killed = killed_at(step, library, lambda here: ingest(here, FALLS, films))
    run_pass(library)
    with contextlib.suppress(UsageError):  # it is in already
        ingest(library, FALLS, films)
    names = ["film.mp4", "film (2).mp4"]
    assert_whole(library, {name: sha256_of(film) for name, film in zip(names, films, strict=True)})
    return was_killed


def kill_a_pass(library: Library, film: Path, step: int) -> bool:
    """Kill the pass that takes in what a script has marked; return whether it came to that step."""
    drop(library, FALLS, "rip", film)
    was_killed = killed_at(step, library, run_pass)
    run_pass(library)
    assert_whole(library, {film.name: sha256_of(film)})
    return was_killed


@pytest.mark.slow
@pytest.mark.parametrize("step", [12, 30])
def test_a_killed_ingest_is_made_good(
    make_project: Callable[..., Project], make_film: Callable[..., Path], step: int
) -> None:
    assert kill_an_ingest(make_library(make_project()), [make_film(1), make_film(2)], step)


@pytest.mark.slow
@pytest.mark.parametrize("step", [15, 40])
def test_a_killed_pass_is_made_good(
    make_project: Callable[..., Project], make_film: Callable[..., Path], step: int
) -> None:
    assert kill_a_pass(make_library(make_project()), make_film(1), step)
