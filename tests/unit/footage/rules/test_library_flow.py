"""What happens next to an item, state by state; and what items are called in the library."""

import pytest

from dayreel.errors import UsageError
from dayreel.footage.rules.flow import Ask, NewestGate, Rest, Submit, next_step
from dayreel.footage.rules.names import check_names, episode_names, movie_names, safe_name

YES, NO, OPEN = NewestGate("approved"), NewestGate("rejected"), NewestGate("pending")


@pytest.mark.parametrize(
    ("state", "gate", "asks", "jobs", "expected"),
    [
        ("ripped", None, False, {}, Submit("remux")),
        ("ripped", None, False, {"remux": "queued"}, Rest("its remux job is queued")),
        ("ripped", None, False, {"remux": "failed"}, Rest("its remux job is failed")),
        ("remuxed", None, True, {}, Ask("remux_review")),
        ("remuxed", OPEN, True, {}, Rest("a person is asked: remux_review")),
        ("remuxed", YES, True, {}, Submit("transcode")),
        ("remuxed", NO, True, {}, Rest("a person said no")),
        ("remuxed", NewestGate("rejected", {"keep": [0, 2]}), True, {}, Submit("remux", {"keep": [0, 2]})),
        (
            "remuxed",
            NewestGate("rejected", {"keep": [0]}),
            True,
            {"remux": "rendering"},
            Rest("its remux job is rendering"),
        ),
        ("remuxed", None, False, {}, Submit("transcode")),
        ("transcoded", None, True, {}, Ask("naming_confirm")),
        ("transcoded", NO, True, {}, Rest("a person said no")),
        ("transcoded", NewestGate("approved", {"names": {"a": "b"}}), True, {}, Submit("file", {"names": {"a": "b"}})),
        ("in_library", None, False, {}, Rest("it is in the library")),
        ("quarantined", None, False, {}, Rest("it is quarantined")),
    ],
)
def test_one_thing_happens_next(
    state: str, gate: NewestGate | None, asks: bool, jobs: dict[str, str], expected: object
) -> None:
    assert next_step(state, gate=gate, asks=asks, jobs=jobs) == expected


def test_a_movie_of_several_files_has_parts_and_its_known_year() -> None:
    assert movie_names("Hidden Falls", 2019, ["a.MKV"]) == {
        "a.MKV": "movies/Hidden Falls (2019)/Hidden Falls (2019).mkv"
    }
    assert list(movie_names("Falls", None, ["a.mkv", "b.mkv"]).values()) == [
        "movies/Falls/Falls - part1.mkv",
        "movies/Falls/Falls - part2.mkv",
    ]


def test_episodes_are_numbered_from_where_the_disc_before_ended() -> None:
    names = episode_names("Blue Coast", 2, 5, ["t1.mkv", "t2.mkv"])
    assert list(names.values())[-1] == "tv/Blue Coast/Season 02/Blue Coast - S02E06.mkv"


def test_an_episode_has_its_known_title_and_keeps_its_suffix() -> None:
    titles = {5: "What? / Now", 6: "x" * 300}
    known, long, plain = episode_names("Blue Coast", 2, 5, ["1.mkv", "2.mkv", "3.mkv"], titles=titles).values()
    assert known == "tv/Blue Coast/Season 02/Blue Coast - S02E05 - What Now.mkv"
    assert plain == "tv/Blue Coast/Season 02/Blue Coast - S02E07.mkv"
    for kind, name in (("tv", long), ("movie", movie_names("x" * 300, 2019, ["2.mkv", "3.mkv"])["2.mkv"])):
        assert check_names(kind, {"2.mkv": name}, ["2.mkv"]) == {"2.mkv": name}  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["../../etc/passwd", 'a<b>:"c"', " . ", "x" * 300, "a\0b\nc", "CON/../.."])
def test_a_name_is_one_that_every_file_system_takes(text: str) -> None:
    name = safe_name(text)
    assert name
    assert not set(name) & set('<>:"/\\|?*\0\n')
    assert name not in (".", "..")
    assert len(name) <= 120


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"b.mkv": "movies/A/A.mkv"},
        {"a.mkv": "A.mkv"},
        {"a.mkv": "tv/A/A.mkv"},
        {"a.mkv": "movies/A/A.mp4"},
        {"a.mkv": "movies"},
    ],
)
def test_names_that_do_not_fit_are_refused_with_what_would(names: dict[str, str]) -> None:
    with pytest.raises(UsageError) as refusal:
        check_names("movie", names, ["a.mkv"])
    assert refusal.value.next_step


def test_names_cannot_lead_out_of_the_library_nor_meet() -> None:
    assert check_names("movie", {"a.mkv": "movies/../../etc/A.mkv"}, ["a.mkv"]) == {"a.mkv": "movies/etc/A.mkv"}
    with pytest.raises(UsageError, match="same name"):
        check_names("tv", {"a.mkv": "tv/A/A.mkv", "b.mkv": "tv/A/A.mkv"}, ["a.mkv", "b.mkv"])
