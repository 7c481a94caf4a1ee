"""Which subtitles beside films belong to which, and what their names say and become."""

from pathlib import PurePosixPath as Name

import pytest

from dayreel.footage.rules.sidecars import SidecarLabel, beside, film_of, is_sidecar, label_of, sidecar_name

FILM, PART = Name("falls.mov"), Name("falls.part2.mov")


@pytest.mark.parametrize(
    ("name", "new", "language", "is_forced", "title"),
    [
        ("falls.srt", "Falls (2019).srt", "und", False, ""),
        ("falls.en.srt", "Falls (2019).en.srt", "eng", False, ""),
        ("Falls.pt-BR.ASS", "Falls (2019).pt-BR.ass", "por", False, ""),
        ("falls.fra.forced.vtt", "Falls (2019).fra.forced.vtt", "fra", True, "forced"),
        ("falls.English.sdh.srt", "Falls (2019).English.sdh.srt", "eng", False, "sdh"),
        ("falls.hi.sub", "Falls (2019).hi.sub", "hin", False, ""),
        ("German.idx", "Falls (2019).German.idx", "deu", False, ""),
    ],
)
def test_a_sidecar_keeps_its_language_and_takes_the_name(
    name: str, new: str, language: str, is_forced: bool, title: str
) -> None:
    sidecar = Name(name)
    assert is_sidecar(sidecar)
    assert sidecar_name(sidecar, FILM, Name("Falls (2019).mkv")) == new
    assert label_of(sidecar, FILM) == SidecarLabel(language, is_forced, title)


def test_a_sidecar_belongs_to_the_film_with_the_longest_name() -> None:
    assert film_of(Name("falls.part2.en.srt"), [FILM, PART]) == PART
    assert film_of(Name("falls.en.srt"), [FILM, PART]) == FILM
    assert film_of(Name("fallstrick.srt"), [FILM, PART]) is None
    assert film_of(Name("English.srt"), [FILM]) == FILM


def test_only_what_is_named_after_a_film_lies_beside_it() -> None:
    there = [Name(name) for name in ("falls.fr.srt", "falls.mov", "falls.jpg", "other.srt", "falls.idx", "falls.sub")]
    assert [path.name for path in beside(FILM, there)] == ["falls.fr.srt", "falls.idx", "falls.sub"]
