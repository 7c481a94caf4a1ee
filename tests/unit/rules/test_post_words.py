"""What every platform of a channel is given, word by word."""

from datetime import date
from typing import Any

import pytest

from dayreel.rules.post_words import post_marker, post_words
from dayreel.schemas.channel import Channel
from dayreel.schemas.content import Idea
from tests.fakes.project import CRAFTS

ID = "crafts-2026-11-20"
IDEA = Idea(idea="A jar rises", caption="Clay, patience", hashtags=("#craft",), topic="clay")
EVERYWHERE: dict[str, Any] = {
    "instagram": {"hashtags": ["#handmade"]},
    "tiktok": {"privacy": "SELF_ONLY"},
    "youtube": {},
    "outbox": {},
}


def channel(**changes: Any) -> Channel:
    values = {"name": "crafts", **CRAFTS, "active_from": date(2026, 11, 1), "platforms": EVERYWHERE, **changes}
    return Channel.model_validate(values)


def words(**changes: Any) -> dict[str, dict[str, str | None]]:
    caption, idea = changes.pop("caption", IDEA.caption), changes.pop("idea", IDEA)
    made = post_words(channel(**changes), content_id=ID, caption=caption, idea=idea)
    return {platform: dict(texts) for platform, texts in made.items()}


def test_each_platform_has_its_full_text_and_its_own_title() -> None:
    assert words() == {
        "instagram": {"title": None, "text": "Clay, patience\n\n#craft #handmade"},
        "tiktok": {"title": None, "text": "Clay, patience\n\n#craft"},
        "youtube": {"title": "Clay, patience", "text": "Clay, patience\n\n#craft #Shorts"},
        "outbox": {"title": "Crafts", "text": "Clay, patience\n\n#craft"},
    }


def test_an_idea_may_list_its_hashtags_as_small_models_do() -> None:
    listed = ("slow living", "#rain #roof", "# gap", "#🌧", "", "l'été", "#-x")
    text = words(idea=IDEA.model_copy(update={"hashtags": listed}))["outbox"]["text"]
    assert text == "Clay, patience\n\n#slowliving #rain #roof #gap #l'été #x"


def test_a_channel_may_have_its_captions_marked() -> None:
    marked, plain = words(caption_marker=True), words()
    for platform, text in plain.items():
        assert marked[platform]["text"] == f"{text['text']}\n\n{post_marker(ID)}"
        assert marked[platform]["title"] == text["title"]


def test_posts_name_the_music_where_that_is_asked() -> None:
    music = {"file": "slow.mp3", "licence": "Music: Slow River by Ana Ruiz, CC BY 4.0"}
    assert words(edit={"music": music}) == words()
    named = words(edit={"music": {**music, "licence_in_posts": True}}, caption_marker=True)
    for platform, text in words().items():
        assert named[platform]["text"] == f"{text['text']}\n\n{music['licence']}\n\n{post_marker(ID)}"
        assert named[platform]["title"] == text["title"]


def test_the_channels_title_goes_out_only_in_the_outbox() -> None:
    before, now = words(), words(title="Crafts of the day")
    assert [platform for platform in before if before[platform] != now[platform]] == ["outbox"]


@pytest.mark.parametrize("change", [{"idea": IDEA.model_copy(update={"hashtags": ("#clay",)})}, {"caption": "Rain"}])
def test_other_hashtags_and_another_caption_change_every_post(change: dict[str, Any]) -> None:
    before, now = words(), words(**change)
    assert all(before[platform] != now[platform] for platform in EVERYWHERE)


def test_a_caption_that_a_platform_refuses_has_no_words_there() -> None:
    made = words(caption="Clay <3")
    assert made["youtube"] == {"title": None, "text": None}
    assert made["instagram"]["text"] is not None
