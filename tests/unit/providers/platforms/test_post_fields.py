"""What a channel file may say of a post, and that what it does not say is as if there were no word for it."""

import pytest
from pydantic import ValidationError

from dayreel.providers.platforms.instagram import InstagramPost
from dayreel.providers.platforms.tiktok import TikTokPost
from dayreel.providers.platforms.youtube import LIMITS, YouTubePost, tags_length
from dayreel.schemas.posts import PostFields


def test_unset_fields_are_not_in_what_an_approval_binds() -> None:
    """Word for word what approvals hold that were given before covers, tags, co-authors and trials were there."""
    assert InstagramPost().model_dump(mode="json") == {"ai_disclosure": True, "hashtags": [], "share_to_feed": True}
    assert YouTubePost().model_dump(mode="json") == {
        "ai_disclosure": True,
        "hashtags": ["#Shorts"],
        "privacy": "private",
        "made_for_kids": False,
        "category_id": "24",
        "notify_subscribers": True,
    }
    assert TikTokPost(privacy="SELF_ONLY").model_dump(mode="json") == {
        "ai_disclosure": True,
        "hashtags": [],
        "mode": "direct",
        "privacy": "SELF_ONLY",
        **dict.fromkeys(("allow_comments", "allow_duet", "allow_stitch", "promotes_own_brand"), False),
        "paid_partnership": False,
    }
    assert TikTokPost(privacy="SELF_ONLY", cover_at_s=0).model_dump(mode="json")["cover_at_s"] == 0


def test_tags_are_counted_as_youtube_counts_them() -> None:
    # The reference's own example: Foo-Baz has seven characters, Foo Baz has nine.
    assert [tags_length(tags) for tags in ((), ("Foo-Baz",), ("Foo Baz",), ("Foo Baz", "x"))] == [0, 7, 9, 11]
    just = ("a b" + "c" * 25,) * 16 + ("xxxx",)
    assert tags_length(just) == LIMITS.tags_characters == 500
    YouTubePost(tags=just)
    with pytest.raises(ValidationError, match="501 characters together, and YouTube takes 500"):
        YouTubePost(tags=(*just[:-1], "xxxxx"))


@pytest.mark.parametrize(
    ("fields", "changes", "problem"),
    [
        (YouTubePost, {"tags": ["x" * 31]}, "more than 30 characters"),
        (YouTubePost, {"tags": ["a,b"]}, "'a,b' has"),
        (YouTubePost, {"category_id": "42"}, "not a category"),
        (YouTubePost, {"language": "English"}, "language"),
        (InstagramPost, {"collaborators": ["a", "b", "c", "d"]}, "4 accounts, and Instagram takes 3"),
        (InstagramPost, {"collaborators": ["@Ana", "ana"]}, "named twice"),
        (InstagramPost, {"collaborators": ["not a name"]}, "not a username"),
        (InstagramPost, {"trial": "SOMETIMES"}, "trial"),
        (TikTokPost, {"privacy": "SELF_ONLY", "cover_at_s": -1}, "cover_at_s"),
        (TikTokPost, {"privacy": "SELF_ONLY", "cover_file": "cover.jpg"}, "cover_file"),
    ],
)
def test_what_a_platform_does_not_take_is_refused_in_the_file(
    fields: type[PostFields], changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(ValidationError, match=problem):
        fields.model_validate(changes)
