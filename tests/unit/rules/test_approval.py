"""What an approval is bound to."""

from dataclasses import replace
from typing import Any

from dayreel.rules.approval import ApprovalScope, Words, what_changed

FIELDS: dict[str, dict[str, Any]] = {
    "instagram": {"ai_disclosure": True, "share_to_feed": True},
    "tiktok": {"privacy": "SELF_ONLY"},
}
APPROVED = ApprovalScope("a" * 64, "Clay", FIELDS)


def test_nothing_changed_means_it_holds() -> None:
    assert what_changed(APPROVED, replace(APPROVED), "instagram") == []


def test_other_bytes_are_named_with_both_hashes() -> None:
    (changes,) = what_changed(APPROVED, replace(APPROVED, video_sha256="b" * 64), "instagram")
    assert changes == "the final video (approved aaaaaaaaaaaa, now bbbbbbbbbbbb)"


def test_another_caption_is_named() -> None:
    assert what_changed(APPROVED, replace(APPROVED, caption="Clay!"), "tiktok") == ["the caption"]


def test_each_changed_platform_field_is_named_with_both_values() -> None:
    now = replace(APPROVED, fields={**FIELDS, "tiktok": {"privacy": "PUBLIC_TO_EVERYONE", "allow_duet": True}})
    assert what_changed(APPROVED, now, "tiktok") == [
        "tiktok.allow_duet (approved None, now True)",
        "tiktok.privacy (approved 'SELF_ONLY', now 'PUBLIC_TO_EVERYONE')",
    ]
    assert what_changed(APPROVED, now, "instagram") == []


def test_a_platform_that_came_later_was_not_approved() -> None:
    now = replace(APPROVED, fields={**FIELDS, "youtube": {"privacy": "public"}})
    assert what_changed(APPROVED, now, "youtube") == ["youtube was not among the platforms that were approved"]


def test_a_platform_that_was_taken_away_is_named() -> None:
    now = replace(APPROVED, fields={"instagram": FIELDS["instagram"]})
    assert what_changed(APPROVED, now, "tiktok") == ["tiktok is no longer a platform of the channel"]


WORDS: Words = {
    "instagram": {"title": None, "text": "Clay\n\n#craft #clay\n\ndr-1"},
    "tiktok": {"title": None, "text": "Clay\n\ndr-1"},
    "youtube": {"title": "Clay", "text": "Clay\n\n#craft\n\ndr-1"},
}
WORD_FOR_WORD = ApprovalScope("a" * 64, "Clay", {**FIELDS, "youtube": {}}, WORDS)


def reworded(platform: str, **words: str) -> ApprovalScope:
    return replace(WORD_FOR_WORD, words={**WORDS, platform: {**WORDS[platform], **words}})


def test_changed_title_hashtags_or_text_layout_are_named() -> None:
    assert what_changed(WORD_FOR_WORD, reworded("youtube", title="Clay!"), "youtube") == [
        "the title on youtube (approved 'Clay', now 'Clay!')"
    ]
    assert what_changed(WORD_FOR_WORD, reworded("instagram", text="Clay\n\n#craft\n\ndr-1"), "instagram") == [
        "the hashtags on instagram (approved '#craft #clay', now '#craft')"
    ]
    assert what_changed(WORD_FOR_WORD, reworded("instagram", text="Clay\n#craft #clay\n\ndr-1"), "instagram") == [
        "the text on instagram, which is put together in another way now"
    ]


def test_what_another_platform_gets_changes_nothing_here() -> None:
    assert what_changed(WORD_FOR_WORD, reworded("youtube", title="x", text="y"), "instagram") == []


def test_words_that_follow_from_another_caption_are_named_once() -> None:
    now = replace(reworded("tiktok", text="Clay!\n\ndr-1"), caption="Clay!")
    assert what_changed(WORD_FOR_WORD, now, "tiktok") == ["the caption"]


def test_an_older_approval_without_words_holds_for_the_rest() -> None:
    older = replace(WORD_FOR_WORD, words=None)
    assert what_changed(older, reworded("youtube", title="Clay!"), "youtube") == []
    assert what_changed(older, replace(WORD_FOR_WORD, caption="Clay!"), "youtube") == ["the caption"]


def test_everything_that_changed_is_listed() -> None:
    now = ApprovalScope("b" * 64, "other", {**FIELDS, "instagram": {"ai_disclosure": False, "share_to_feed": True}})
    assert len(what_changed(APPROVED, now, "instagram")) == 3
