"""What a person sees before deciding: every word that an approval binds, on every face that reviews."""

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from dayreel.cli import run
from dayreel.errors import StaleState
from dayreel.providers.notifiers.discord_cards import embed_of
from dayreel.providers.notifiers.slack_cards import blocks_of
from dayreel.queries.review import parse_snapshot, review_of, scope_of_words
from dayreel.services.project import Project
from dayreel.services.publishing.publish_post import post_request
from dayreel.services.reviewing.decide import decide
from dayreel.services.reviewing.review_cards import card_of
from dayreel.tui.review import _page
from tests.fakes.desk import desk_on, person
from tests.fakes.project import channel_of, content_row, reviewable, write_channel

MakeProject = Callable[..., Project]
PLATFORMS = {
    "instagram": {"hashtags": ["#handmade"]},
    "tiktok": {"privacy": "SELF_ONLY"},
    "youtube": {},
    "outbox": {},
}


def test_the_captions_shown_are_the_captions_sent(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"platforms": PLATFORMS}})
    row = reviewable(project)
    shown = {
        platform_words.platform: (platform_words.text, platform_words.title)
        for platform_words in review_of(project, row.id).words
    }
    assert list(shown) == list(PLATFORMS)
    for name, (words, title) in shown.items():
        sent = post_request(project, channel_of(project), row, name)
        assert words == sent.caption
        assert title in (None, sent.title)


def test_a_review_without_channel_or_manifest_shows_the_rest(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    (project.settings.channels_dir / "crafts.yaml").write_text("title: [")
    (project.contents.folder(row.id) / "metadata.json").write_text("{")
    shown = review_of(project, row.id)
    assert "crafts.yaml" in (shown.trouble or "")
    assert "metadata.json" in (shown.trouble or "")
    assert shown.row.caption == "Clay, patience"


def test_only_video_words_and_fields_change_what_is_bound(make_project: MakeProject) -> None:
    project = make_project()
    row = reviewable(project)
    before = review_of(project, row.id)
    decide(project, row.id, "approved", by="bob", via="cli")
    assert review_of(project, row.id).bound == before.bound
    decide(project, row.id, "edited", by="bob", via="cli", caption="Other words")
    assert review_of(project, row.id).bound != before.bound


def every_word(project: Project, content_id: str) -> list[str]:
    """Return every line that an approval of a content binds, besides the caption that is in all of them."""
    bound = review_of(project, content_id).bound
    assert bound is not None
    assert bound.words is not None
    lines = [line for words in bound.words.values() for line in (words["title"], *(words["text"] or "").splitlines())]
    return [line for line in lines if line]


def test_the_title_that_an_outbox_binds_is_shown(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"title": "Things made by hand", "platforms": PLATFORMS}})
    row = reviewable(project)
    shown = {words.platform: words for words in review_of(project, row.id).words}
    assert shown["outbox"].title == "Things made by hand"
    assert scope_of_words(row, shown.values()) == review_of(project, row.id).bound
    assert dict(shown["tiktok"].settings)["privacy"] == "SELF_ONLY"
    assert "Things made by hand" in every_word(project, row.id)


def test_every_face_shows_every_word_that_is_bound(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(channels={"crafts": {"title": "Things made by hand", "platforms": PLATFORMS}})
    own = {"youtube": {"tags": "loombird, warp and weft"}, "instagram": {"cover_at_s": "1.25"}}
    row, channel = reviewable(project), channel_of(project)
    decide(project, row.id, "edited", by="ana", via="cli", settings=own)
    row = content_row(project, row.id)
    monkeypatch.chdir(tmp_path)
    assert run(["review", "list"]) == 0
    prompt = capsys.readouterr().out
    assert run(["review", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)[0]["platforms"]
    page = unescape(person(desk_on(project), "Ana", "reviewer").open(f"/content/{row.id}"))
    queue = unescape(person(desk_on(project), "Ben", "reviewer").open("/"))
    terminal = "\n".join(line.plain for line in _page(review_of(project, row.id)))
    card = card_of(project, channel, row, revision=1, newest=None)
    slack, discord = json.dumps(blocks_of(card)), json.dumps(embed_of(card))
    for word in {word for line in every_word(project, row.id) for word in line.split()}:
        for face in (prompt, page, queue, terminal, slack):
            assert word in face, word
        assert word in discord.replace("\\\\", ""), word
    bound = review_of(project, row.id).bound
    assert bound is not None
    assert {name: (words["title"], words["text"]) for name, words in document.items()} == {
        name: (words["title"], words["text"]) for name, words in (bound.words or {}).items()
    }
    for face in (prompt, page, queue, terminal, slack, discord.replace("\\", "")):
        for setting in ("SELF_ONLY", "loombird", "warp and weft", "1.25"):
            assert setting in face


def test_a_card_is_stale_once_a_title_has_changed(make_project: MakeProject) -> None:
    project = make_project(channels={"crafts": {"title": "Things made by hand", "platforms": PLATFORMS}})
    row = reviewable(project)
    card = card_of(project, channel_of(project), row, revision=1, newest=None)
    assert len(card.ticket) <= 90
    write_channel(project.settings.root, "crafts", title="Other things", platforms=PLATFORMS)
    seen = parse_snapshot(card.ticket.split()[1])
    with pytest.raises(StaleState, match="the title or the hashtags"):
        decide(make_project(channels={}), row.id, "approved", by="ana", via="slack", seen=seen)
