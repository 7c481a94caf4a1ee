"""Links to the desk: quoted, fixed, and short enough to be shown where they stand."""

from dayreel.rules.desk_links import MOST_INLINE, content_link, link, media_link, picture_row, runbook_link

ID = "asmr_crafts-2026-11-20"


def test_what_is_linked_is_quoted() -> None:
    assert media_link(ID, "raw/video_1.mp4") == f"/media/{ID}/raw/video_1.mp4"
    assert media_link("../x", "a b)?q=1.mp4") == "/media/..%2Fx/a%20b%29%3Fq%3D1.mp4"
    assert content_link("a?b") == "/content/a%3Fb"
    assert runbook_link("how-to/a?b") == "/docs/how-to/a%3Fb.md"


def test_a_text_cannot_end_its_link_or_begin_another() -> None:
    assert link("x](/graphql?query=mutation) ![y", "/content/x") == "[x/graphqlquerymutation y](/content/x)"


def test_a_row_of_pictures_is_short_enough_to_show_inline() -> None:
    longest = "c" * 41 + "-2026-11-20-t12"
    row = picture_row(longest, ((f"thumbnails/video_{n}-0123456789ab.jpg", f"raw/video_{n}.mp4") for n in range(1, 13)))
    assert len(row) <= MOST_INLINE
    assert row.count("[![") == row.count(".mp4)") >= 4
    assert row.startswith(
        f"[![raw/video_1.mp4](/media/{longest}/thumbnails/video_1-0123456789ab.jpg)](/media/{longest}/raw/video_1.mp4) "
    )


def test_no_pictures_are_no_text() -> None:
    assert picture_row(ID, []) == ""
