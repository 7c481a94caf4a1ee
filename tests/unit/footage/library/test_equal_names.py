"""Two files, items or films of one name are kept apart, whatever a file system takes for one name."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.errors import UsageError
from dayreel.footage.library.documents import items_document
from dayreel.footage.library.ingest import disc_name, ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.rules.names import check_names, free_name, name_key, safe_file_name
from dayreel.footage.rules.paths import ItemName
from dayreel.services.project import Project
from dayreel.stores.files import sha256_of
from tests.fakes.library import drop, item, make_library

FALLS = movie_name("Hidden Falls", 2019)
COMPOSED, APART = (unicodedata.normalize(form, "Café.mp4") for form in ("NFC", "NFD"))


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    return make_library(make_project())


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["film.mp4", "film.mp4", "FILM.mp4"], ["film.mp4", "film (2).mp4", "FILM (3).mp4"]),
        ([COMPOSED, APART], [COMPOSED, f"{COMPOSED[:-4]} (2).mp4"]),
        (["-i.mp4", "con.mp4"], ["i.mp4", "con_.mp4"]),
    ],
)
def test_files_of_one_name_are_all_kept(
    library: Library, make_film: Callable[..., Path], names: list[str], kept: list[str]
) -> None:
    films = [make_film(number, name) for number, name in enumerate(names)]
    done = ingest(library, disc_name("Blue Coast", 1, 1), films)
    assert [file.path for file in done.files] == kept
    for file, film in zip(done.files, films, strict=True):
        assert sha256_of(library.root / done.folder / file.path) == sha256_of(film)
    assert done.renamed == {own: str(film) for own, film in zip(kept, films, strict=True) if own != film.name}
    assert [word for word in run_pass(library) if "remux job" in word]
    rebuild(library)
    assert run_pass(library) == []


def test_a_file_that_lies_there_is_not_written_over(library: Library, make_film: Callable[..., Path]) -> None:
    folder = library.root / FALLS.folder("rip")
    folder.mkdir(parents=True)
    (folder / "Film.mp4").write_bytes(b"somebody is copying this")
    done = ingest(library, FALLS, [make_film(1)])
    assert [file.path for file in done.files] == ["film (2).mp4"]
    assert (folder / "Film.mp4").read_bytes() == b"somebody is copying this"


def test_one_file_given_twice_is_refused(library: Library, make_film: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="byte for byte"):
        ingest(library, FALLS, [make_film(1), make_film(1, "again.mp4")])
    assert items_document(library.project.catalog) == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 300 + ".mp4", "x" * 116 + ".mp4"),
        ("映" * 200 + ".mp4", "映" * 66 + ".mp4"),
        ("a\nb\x1b[2J.mp4", "a b [2J.mp4"),
        ("bad\udcff.mkv", "bad.mkv"),
        ("LPT1.txt.mov", "LPT1_.txt.mov"),
        ("...", "untitled"),
    ],
)
def test_a_files_name_is_one_that_every_share_takes(name: str, kept: str) -> None:
    assert safe_file_name(name) == kept
    assert len(kept.encode()) < 255


def test_a_name_is_free_where_no_share_takes_it_for_another() -> None:
    taken = {name_key(name) for name in ("tv/A/Ä (2).mkv", "tv/a/A\u0308.MKV")}
    assert free_name("tv/A/ä.mkv", taken) == "tv/A/ä (3).mkv"
    with pytest.raises(UsageError, match="the same name"):
        check_names("movie", {"1.mkv": "movies/A/a.mkv", "2.mkv": "movies/a/A.mkv"}, ["1.mkv", "2.mkv"])


def test_films_in_other_scripts_have_ids_of_their_own(library: Library, make_film: Callable[..., Path]) -> None:
    names = [ItemName("movie", title) for title in ("千と千尋_2001", "もののけ姫_2001")]
    assert len({name.item_id for name in names}) == 2
    assert len({ItemName("movie", text).item_id for text in (COMPOSED, "Cafe")}) == 2
    for number, name in enumerate(names):
        drop(library, name, "rip", make_film(number))
    run_pass(library)
    assert sorted(document["item_id"] for document in items_document(library.project.catalog)) == sorted(
        name.item_id for name in names
    )


def test_an_item_keeps_the_id_it_had(library: Library, make_film: Callable[..., Path]) -> None:
    name = ItemName("movie", "もののけ姫")
    former = ItemName("movie", name.leaf, name.former_id)
    ingest(library, former, [make_film(1)])
    run_pass(library)
    rebuild(library)
    assert [document["item_id"] for document in items_document(library.project.catalog)] == ["movie-x"]
    with pytest.raises(UsageError, match="movie-x is in the library already"):
        ingest(library, name, [make_film(2)])
    assert item(library, "movie-x").leaf == name.leaf
