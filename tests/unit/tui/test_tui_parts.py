"""What the screens are made of: the views, words, pictures and the player, without a terminal."""

import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import update

from dayreel.errors import MediaError
from dayreel.queries.review import review_of
from dayreel.rules.pricing import usd
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.tables import content
from dayreel.tui import player
from dayreel.tui.dialogs import length_of
from dayreel.tui.pictures import UPPER_HALF, half_blocks
from dayreel.tui.player import open_player, opener, player_environment
from dayreel.tui.widgets import Keys
from dayreel.tui.words import bar, left, one_line, plain, size
from tests.fakes.clock import NINE
from tests.fakes.project import reviewable
from tests.unit.tui.terminals import (
    Keyboard,
    WatchedTerminal,
    run,
    terminal,
    text,
    until,
    until_so,
)

MakeProject = Callable[..., Project]
PLATFORMS = {
    "instagram": {"hashtags": ["#handmade"]},
    "tiktok": {"privacy": "SELF_ONLY"},
    "youtube": {},
    "outbox": {},
}


def sheet(path: Path) -> Path:
    """Write a picture whose left half is red and whose right half is blue."""
    picture = Image.new("RGB", (120, 40), (255, 0, 0))
    picture.paste((0, 0, 255), (60, 0, 120, 40))
    picture.save(path, "JPEG", quality=95)
    return path


def test_captions_that_do_not_fit_say_by_how_much(make_project: MakeProject) -> None:
    project = make_project()
    (words,) = review_of(project, reviewable(project).id).words_for("x" * 2201)
    assert length_of(words) == "does not fit"
    assert words.problem is not None
    assert "instagram takes 2200" in words.problem


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[2Jgone", "·[2Jgone"),
        ("a\rb\x07\x9b31m", "a·b··31m"),
        ("one\r\ntwo\tthree", "one\ntwo three"),
        ("fdp.\u202eexe", "fdp.·exe"),
        ("👩‍👩‍👧 [bold]", "👩‍👩‍👧 [bold]"),
        (None, ""),
    ],
)
def test_a_terminal_is_given_no_orders_by_what_it_shows(given: str | None, shown: str) -> None:
    assert plain(given) == shown


def test_orders_in_a_caption_reach_no_screen(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    decide(project, row.id, "edited", by="b\x1bob", via="api", caption="Clay", note="\x1b[2J")
    with project.catalog.write() as connection:  # as one written before such characters were refused
        connection.execute(update(content).values(caption="[red]Clay[/red] \x1b]0;owned\x07"))

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, row.id)
        await keyboard.press("enter")
        await until(app, "[red]Clay[/red]", "b·ob")
        assert not {"\x1b", "\x07"} & set(text(app))

    run(terminal(project), story)


def test_how_figures_are_written() -> None:
    assert one_line(" a\n b ") == "a b"
    assert [usd(amount) for amount in map(Decimal, ("0", "0.0031", "0.42", "12"))] == [
        "$0.00",
        "$0.0031",
        "$0.42",
        "$12.00",
    ]
    assert [bar(share, 4) for share in (-1, 0, 0.5, 2)] == ["░░░░", "░░░░", "██░░", "████"]
    assert [size(count) for count in (7, 1200, 6_100_000)] == ["7 B", "1.2 kB", "6.1 MB"]
    later = [NINE.replace(hour=8), NINE.replace(minute=5), NINE.replace(day=21), None]
    assert [left(moment, NINE) for moment in later] == ["over", "5 min", "24 h 0 min", ""]


# -- keys ----------------------------------------------------------------------------------------------------------


def test_keys_are_laid_out_again_only_when_they_change(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, row.id, "Open")
        keys = app.screen.query_one(Keys)
        before = list(keys.children)
        with keys._context():
            await keys.recompose()
        assert list(keys.children) == before
        app.screen.set_focus(None)
        await until(app, row.id, gone="Open")

    run(terminal(project), story)


# -- pictures ------------------------------------------------------------------------------------------------------


def test_a_picture_becomes_half_blocks_in_its_own_colours(tmp_path: Path) -> None:
    rows = half_blocks(sheet(tmp_path / "sheet.jpg"), columns=60, most_rows=16)
    assert (len(rows), len(rows[0])) == (10, 60)
    upper, lower = rows[5][10]
    assert upper[0] > 240
    assert upper[2] < 20
    assert lower == rows[5][10][1]
    assert rows[5][50][1][2] > 240


def test_a_tall_picture_keeps_to_its_rows(tmp_path: Path) -> None:
    Image.new("RGB", (90, 160)).save(tmp_path / "tall.jpg")
    rows = half_blocks(tmp_path / "tall.jpg", columns=78, most_rows=16)
    assert (len(rows), len(rows[0])) == (16, 18)


def test_what_is_not_a_picture_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "no.jpg").write_bytes(b"no")
    with pytest.raises(MediaError, match=r"'no\.jpg'.*cannot be read"):
        half_blocks(tmp_path / "no.jpg", columns=10, most_rows=5)


@pytest.mark.parametrize("colour", [True, False])
def test_the_contact_sheet_is_shown_where_there_is_colour(make_project: MakeProject, *, colour: bool) -> None:
    project = make_project()
    row = reviewable(project)
    sheet(project.contents.folder(row.id) / "contact_sheet.jpg")

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, row.id)
        await keyboard.press("enter")
        await until(app, "revision 1")
        if colour:
            await until_so(app, lambda: app.screen.query_one("#pictures").size.height > 0, lambda: "no picture came")
            await keyboard.press("p")
            await until(app, UPPER_HALF * 70)
        else:
            await keyboard.press("p")
            assert UPPER_HALF not in await until(app, "at a prompt: dayreel review approve")

    run(terminal(project, colour=colour), story)


# -- the player ----------------------------------------------------------------------------------------------------


def test_o_hands_the_final_video_to_the_player(make_project: MakeProject) -> None:
    project, played = make_project(), list[Path]()
    row = reviewable(project)

    def play(path: Path) -> str:
        played.append(path)
        if len(played) > 1:
            raise MediaError("There is no desktop here.", next_step=f"Copy it: {path}")
        return "Playing it."

    async def story(app: WatchedTerminal, keyboard: Keyboard) -> None:
        await until(app, row.id)
        await keyboard.press("enter")
        await until(app, "revision 1")
        await keyboard.press("o")
        await until(app, "Playing it.")
        await keyboard.press("o")
        await until(app, "There is no desktop here. Copy it:")

    run(terminal(project, play=play), story)
    assert played == [project.contents.folder(row.id) / "final_video.mp4"] * 2


def test_the_player_is_given_no_secret() -> None:
    given = {
        "DISPLAY": ":0",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "FAL_KEY": "s",
        "DAYREEL_WORLD": "live",
        "LD_PRELOAD": "x",
    }
    passed = player_environment(given)
    assert {"DISPLAY", "XDG_RUNTIME_DIR"} <= passed.keys()
    assert not {"FAL_KEY", "DAYREEL_WORLD", "LD_PRELOAD"} & passed.keys()


def test_without_a_desktop_the_sentence_says_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "opener", lambda _environment: None)
    with pytest.raises(MediaError, match=r"no desktop here.*final_video\.mp4"):
        open_player(tmp_path / "final_video.mp4")


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-open is Linux's")
def test_the_desktop_opener_is_used_and_its_failure_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, video = tmp_path / "xdg-open", tmp_path / "final video.mp4"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened\nenv > {tmp_path}/environment\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setenv("FAL_KEY", "marked-secret")
    assert opener({"PATH": str(tmp_path)}) is None
    assert "handed" in open_player(video)
    assert (tmp_path / "opened").read_text() == str(video)
    assert "DISPLAY=:7" in (tmp_path / "environment").read_text()
    assert "marked-secret" not in (tmp_path / "environment").read_text()
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(MediaError, match="exit code 3"):
        open_player(video)
