"""Captions: what fits, what gives way, and what is refused with its figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayreel.errors import UsageError
from dayreel.rules.captions import (
    ELLIPSIS,
    carries_marker,
    derive_title,
    format_caption,
    measure,
    shorten,
)
from dayreel.schemas.channel import Platform
from dayreel.vendors.registry import names, platform_named

MARKER = "dr-7f3a9c"
FAMILY = "👩‍👩‍👧‍👦"
SPAIN, FRANCE = "🇪🇸", "🇫🇷"


def test_text_hashtags_and_marker_come_in_this_order() -> None:
    caption = format_caption("instagram", "A quiet loom.", hashtags=("#weaving", "wool"), marker=MARKER)
    assert caption.text == f"A quiet loom.\n\n#weaving #wool\n\n{MARKER}"
    assert caption.dropped_hashtags == ()
    assert (caption.size, caption.limit, caption.unit) == (len(caption.text), 2200, "characters")
    assert caption.title is None


def test_a_hashtag_that_the_text_already_has_is_not_added_again() -> None:
    caption = format_caption("tiktok", "A loom #Weaving", hashtags=("#weaving", "wool", "#WOOL"))
    assert caption.text == "A loom #Weaving\n\n#wool"


@pytest.mark.parametrize(
    ("platform", "unit_text", "fits"),
    [("instagram", "🧶", 2200), ("tiktok", "🧶", 1100), ("youtube", "ñ", 2500), ("youtube", "🧶", 1250)],
)
def test_each_platform_counts_in_its_own_unit(platform: Platform, unit_text: str, fits: int) -> None:
    assert format_caption(platform, unit_text * fits).size == platform_named(platform).captions.limit
    with pytest.raises(UsageError, match=str(platform_named(platform).captions.limit)):
        format_caption(platform, unit_text * (fits + 1))


def test_the_last_hashtags_are_dropped_before_text_is_cut() -> None:
    text = "x" * 2180
    caption = format_caption("instagram", text, hashtags=("one", "two", "three"), marker=MARKER)
    assert caption.text == f"{text}\n\n#one\n\n{MARKER}"
    assert caption.dropped_hashtags == ("#two", "#three")


def test_text_without_room_for_the_marker_is_refused_not_cut() -> None:
    with pytest.raises(UsageError, match="2211 characters and instagram takes 2200") as refusal:
        format_caption("instagram", "x" * 2200, marker=MARKER)
    assert "take out 11 characters" in str(refusal.value)


@pytest.mark.parametrize("platform", ["instagram", "tiktok"])
def test_no_more_hashtags_are_added_than_are_reported_to_work(platform: str) -> None:
    listed = [f"t{number}" for number in range(1, 10)]
    caption = format_caption(platform, "A loom #own", hashtags=listed)
    assert caption.text.endswith("#t1 #t2 #t3 #t4")
    assert caption.dropped_hashtags == ("#t5", "#t6", "#t7", "#t8", "#t9")
    assert caption.doubts == ()
    typed = " ".join(f"#{tag}" for tag in listed)
    (doubt,) = format_caption(platform, typed, hashtags=["more"]).doubts
    assert doubt.startswith(f"9 hashtags: {platform} is said to take 5 (")


def test_instagram_takes_30_hashtags_and_drops_channel_ones() -> None:
    own = " ".join(f"#own{number}" for number in range(30))
    caption = format_caption("instagram", own, hashtags=("a1",))
    assert caption.dropped_hashtags == ("#a1",)
    with pytest.raises(UsageError, match="31 hashtags"):
        format_caption("instagram", " ".join(f"#own{number}" for number in range(31)))


def test_instagram_takes_twenty_mentions_and_an_address_is_none() -> None:
    twenty = " ".join(f"@person.{number}" for number in range(20))
    assert format_caption("instagram", twenty + " write to a@example.org").text
    with pytest.raises(UsageError, match="21 mentions"):
        format_caption("instagram", twenty + " @one_more")


@pytest.mark.parametrize("bad", ["", "#", "two words", "a#b", "# gap"])
def test_what_is_no_hashtag_is_refused_by_name(bad: str) -> None:
    with pytest.raises(UsageError, match="not a valid hashtag"):
        format_caption("instagram", "text", hashtags=(bad,))


@pytest.mark.parametrize(("platform", "bad"), [("youtube", "<"), ("tiktok", "\x00"), ("instagram", "\ud800")])
def test_an_unsendable_character_is_refused_with_its_position(platform: Platform, bad: str) -> None:
    with pytest.raises(UsageError, match="position 5"):
        format_caption(platform, f"I am {bad} here")


def test_a_youtube_title_is_the_first_line_without_its_hashtags() -> None:
    caption = format_caption("youtube", f"{MARKER}\n\n Wool and water #asmr #craft\nMore below", marker=MARKER)
    assert caption.title == "Wool and water"
    assert "#asmr #craft" in caption.text


def test_a_youtube_video_without_any_words_is_refused() -> None:
    with pytest.raises(UsageError, match="title"):
        format_caption("youtube", "  \n ", hashtags=("#Shorts",), marker=MARKER)


def test_a_long_title_is_cut_after_a_word() -> None:
    title = derive_title("wool " * 40)
    assert len(title) <= 100
    assert title.endswith("wool" + ELLIPSIS)


@pytest.mark.parametrize(
    ("cluster", "limit"),
    [(FAMILY, 10), (SPAIN + FRANCE, 4), ("e\u0301", 6), ("👍🏽", 4), ("1️⃣", 6), ("한", 5), ("❤️", 4)],
)
def test_a_text_without_spaces_is_never_cut_inside_a_grapheme(cluster: str, limit: int) -> None:
    for size in range(limit, limit + 8):
        cut = shorten(cluster * 12, size)
        assert len(cut) <= size
        rest = cut.removesuffix(ELLIPSIS)
        pieces = (SPAIN, FRANCE) if SPAIN in cluster else (cluster,)
        while rest:
            piece = next((piece for piece in pieces if rest.startswith(piece)), None)
            assert piece is not None, f"cut inside a grapheme: {cut!r}"
            rest = rest.removeprefix(piece)


def test_a_marker_is_only_found_as_a_token_of_its_own() -> None:
    assert carries_marker(f"wool\n\n{MARKER}", MARKER)
    assert not carries_marker(f"wool {MARKER}0", MARKER)
    assert not carries_marker("wool", "")


@given(
    platform=st.sampled_from(names("platforms")),
    text=st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="<>"), min_size=1),
    hashtags=st.lists(st.from_regex(r"#[a-z0-9_]{1,12}", fullmatch=True), max_size=40),
)
def test_a_caption_keeps_its_text_fits_and_formats_idempotently(
    platform: Platform, text: str, hashtags: list[str]
) -> None:
    try:
        once = format_caption(platform, text, hashtags=hashtags, marker=MARKER)
    except UsageError:
        return
    assert text.strip() in once.text
    assert carries_marker(once.text, MARKER)
    assert once.size == measure(once.text, once.unit) <= once.limit
    again = format_caption(platform, once.text, hashtags=hashtags, marker=MARKER)
    assert again.text == once.text
    if once.title is not None:
        assert len(once.title) <= 100
