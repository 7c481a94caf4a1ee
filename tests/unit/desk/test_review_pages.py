"""Reviewing in a browser without JavaScript: what pages show, what their buttons do, who wins when two decide."""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from starlette.applications import Starlette

from dayreel.desk import queue_cache
from dayreel.queries.prices import expected_day_cost
from dayreel.queries.rows import newest_verdict
from dayreel.schemas.content import VideoPrompt
from dayreel.schemas.manifest import Override, RefusedPrompt
from dayreel.services.making.renders import fire
from dayreel.services.project import Project
from dayreel.services.reviewing.decide import decide
from dayreel.stores.catalog.tables import bills
from tests.fakes.clock import NINE
from tests.fakes.desk import Browser, desk_on, person, seen_on
from tests.fakes.platform import FakePlatform
from tests.fakes.project import channel_of, check_result, content_row, ledger_rows, reviewable, write_channel
from tests.fakes.rows import add_content, add_effect, add_try

CONTENT = "crafts-2026-11-20"
PAGE = f"/content/{CONTENT}"


def verdict(project: Project, content_id: str = CONTENT) -> tuple[str, str, str] | None:
    with project.catalog.read() as connection:
        row = newest_verdict(connection, content_id)
    return None if row is None else (row.verdict, row.decided_by, row.via)


def test_the_queue_shows_each_items_caption_cost_and_deadline(ana: Browser) -> None:
    page = ana.open("/")
    for shown in (CONTENT, "Clay, patience", "$0.00", "revision 1", "in 1 d", "review pending"):
        assert shown in page


def test_the_header_names_the_sandbox_worlds_preset(ana: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "sandbox</small>" in ana.open("/"), "none runs"
    monkeypatch.setattr(queue_cache, "_PRESET_S", 0)
    monkeypatch.setattr(queue_cache, "running_preset", lambda _settings: "new_developer")
    assert "sandbox, new developer</small>" in ana.open("/")


def test_a_page_holds_what_a_reviewer_needs(ana: Browser) -> None:
    page = ana.open(PAGE)
    for shown in (
        "<video controls",
        "A jar rises",
        "#handmade",
        "of 2200 characters",
        "Approve <small>revision 1",
        "History",
    ):
        assert shown in page
    assert "<script>" not in page
    assert not re.search(r"\son\w+=|\sstyle=", page), "the policy would block inline script and style"


def test_subtitles_are_shown_in_the_player_and_downloaded(ana: Browser, project: Project) -> None:
    folder = project.contents.folder(CONTENT)
    assert "captions.vtt" not in ana.get(PAGE).text
    paths = [folder / "captions.srt", folder / "captions.vtt"]
    for path in paths:
        path.write_text("WEBVTT\n", encoding="utf-8")
    final = project.contents.manifest(CONTENT).final_video
    assert final is not None
    subtitles = tuple(project.contents.record(CONTENT, path) for path in paths)
    project.contents.update(CONTENT, final_video=final.model_copy(update={"subtitles": subtitles}))
    page = ana.get(PAGE).text
    assert f'<track kind="captions" label="As spoken" src="/media/{CONTENT}/captions.vtt">' in page
    assert f'<a href="/media/{CONTENT}/captions.srt" download>SubRip</a>' in page
    answer = ana.get(f"/media/{CONTENT}/captions.vtt")
    assert (answer.text, answer.headers["content-type"]) == ("WEBVTT\n", "text/vtt; charset=utf-8")


def test_a_prompt_that_was_written_again_is_shown(ana: Browser, project: Project) -> None:
    refused = RefusedPrompt(prompt=VideoPrompt(video_prompt="a knife", audio_prompt="steel"), reason="it was flagged")
    override = Override(rewrite={2: refused}, asked_by="Ben", asked_at=project.clock.now())
    project.contents.update(CONTENT, overrides={"prompts": override})
    assert "prompt 2 written again: it was flagged" in ana.open(PAGE)


def test_an_approval_is_recorded_with_the_persons_name(ana: Browser, project: Project) -> None:
    answer = ana.submit(f"{PAGE}/approve", PAGE, seen=seen_on(ana.open(PAGE)))
    assert answer.status_code == 303
    assert verdict(project) == ("approved", "Ana", "desk")
    assert "Approved" in ana.open(answer.headers["location"])
    assert "<strong>Ana</strong> approved" in ana.open(PAGE)


def test_a_rejection_needs_a_reason(ana: Browser, project: Project) -> None:
    seen = seen_on(ana.open(PAGE))
    assert ana.submit(f"{PAGE}/reject", PAGE, seen=seen, note="  ").status_code == 400
    assert verdict(project) is None
    assert ana.submit(f"{PAGE}/reject", PAGE, seen=seen, note="the hands are wrong").status_code == 303
    assert verdict(project) == ("rejected", "Ana", "desk")


def test_a_reviewer_waives_a_failed_check_before_it_is_approved(ana: Browser, vera: Browser, project: Project) -> None:
    reviewable(project, video=b"a dark video", checks=(check_result("not_black"),))
    page, queue = ana.open(PAGE), ana.open("/")
    assert "Approve <small>" not in page
    assert f'action="{PAGE}/waive"' in page
    assert "1 of 1 checks failed: not black" in queue
    assert f'value="{CONTENT}@' not in queue, "a failed check cannot be approved with the others"
    refused = ana.submit(f"{PAGE}/approve", PAGE, seen=seen_on(page))
    assert refused.status_code == 403
    assert "not_black FAILED" in refused.text
    waiver = {"check": "not_black", "revision": "2", "reason": "it is a night scene"}
    assert vera.submit(f"{PAGE}/waive", "/account", **waiver).status_code == 403
    assert ana.submit(f"{PAGE}/waive", PAGE, **{**waiver, "reason": " "}).status_code == 400
    assert ana.submit(f"{PAGE}/waive", PAGE, **waiver).status_code == 303
    page = ana.open(PAGE)
    assert "waived by Ana: it is a night scene" in page
    assert ana.submit(f"{PAGE}/approve", PAGE, seen=seen_on(page)).status_code == 303


def test_what_cannot_be_measured_has_no_tick(ana: Browser, project: Project) -> None:
    """Where nothing moves, nobody can say that picture and sound are together."""
    still = check_result("in_sync", passed=True, value="not measurable: nothing moves in what was cut")
    reviewable(project, video=b"a still video", checks=(still, check_result("not_black", passed=True)))
    page = ana.open(PAGE)
    assert "- in sync" in page
    assert "✓ not black" in page


def test_an_edit_saves_the_caption_with_ordinary_line_ends(ana: Browser, project: Project) -> None:
    ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(ana.open(PAGE)), caption="Clay.\r\nPatience.")
    assert content_row(project, CONTENT).caption == "Clay.\nPatience."
    assert content_row(project, CONTENT).state == "review_pending"


def test_fields_are_set_for_one_content_alone(ana: Browser, project: Project) -> None:
    page = ana.open(PAGE)
    shown = dict(re.findall(r'<input id="set\.(\S+)" name="set\.\S+" value="([^"]*)"', page))
    assert shown["instagram.collaborators"] == ""
    typed = {f"set.{name}": value for name, value in {**shown, "instagram.collaborators": "loom.house, ana"}.items()}
    choices = {"set.instagram.share_to_feed": "yes", "set.instagram.trial": "MANUAL"}
    assert ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(page), **typed, **choices).status_code == 303
    row = content_row(project, CONTENT)
    assert row.post_fields == {"instagram": {"collaborators": ["loom.house", "ana"], "trial": "MANUAL"}}
    assert (row.caption, row.state) == ("Clay, patience", "review_pending")
    page = ana.open(PAGE)
    assert "loom.house, ana" in page
    wrong = ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(page), **{"set.instagram.collaborators": "a, b, c, d"})
    assert wrong.status_code == 400
    assert "Instagram takes 3" in unescape(wrong.text)
    ana.submit(
        f"{PAGE}/edit", PAGE, seen=seen_on(page), **{"set.instagram.collaborators": "", "set.instagram.trial": ""}
    )
    assert content_row(project, CONTENT).post_fields is None


@pytest.mark.parametrize(
    ("caption", "why"),
    [("x" * 5001, "5001 characters"), ("Clay\x07", "position 4"), ("Clay \u202eevil", "position 5"), (" ", "empty")],
    ids=["too long for any platform", "a control character", "letters that run backwards", "nothing"],
)
def test_an_invalid_caption_is_refused_and_shown_as_typed(
    ana: Browser, project: Project, caption: str, why: str
) -> None:
    answer = ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(ana.open(PAGE)), caption=caption)
    assert answer.status_code == 400
    assert why in answer.text
    assert caption in answer.text, "what was typed is lost"
    assert content_row(project, CONTENT).caption == "Clay, patience"


def test_the_page_top_names_platforms_that_reject_the_caption(ana: Browser, project: Project) -> None:
    """Whoever approves at the thumb does not scroll down to the previews first."""
    banner = "Instagram will not get it like this."
    assert banner not in ana.open(PAGE)
    ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(ana.open(PAGE)), caption="x" * 2300)
    page = ana.open(PAGE)
    assert banner in page
    assert page.index(banner) < page.index("<video")
    assert "take out" in page


def test_of_two_tabs_one_wins_and_the_other_shows_who_and_when(ana: Browser, ben: Browser, project: Project) -> None:
    seen = seen_on(ben.open(PAGE))
    ana.submit(f"{PAGE}/approve", PAGE, seen=seen_on(ana.open(PAGE)))
    answer = ben.submit(f"{PAGE}/reject", "/account", seen=seen, note="too dark")
    assert answer.status_code == 409
    assert "Ana" in answer.text
    assert "2026-11-20 09:00:00 UTC" in answer.text
    assert "too dark" in answer.text, "what was typed is lost"
    assert verdict(project) == ("approved", "Ana", "desk")


def test_a_tab_that_shows_an_older_video_is_refused(ana: Browser, project: Project) -> None:
    seen = seen_on(ana.open(PAGE))
    reviewable(project, video=b"another video")
    answer = ana.submit(f"{PAGE}/approve", "/account", seen=seen)
    assert answer.status_code == 409
    assert "revision 2" in answer.text
    assert verdict(project) is None


def test_a_tab_with_an_old_caption_is_refused_naming_the_editor(ana: Browser, ben: Browser, project: Project) -> None:
    """An edit makes no new revision: without this, Ben would approve words that he has never seen."""
    seen = seen_on(ben.open(PAGE))
    ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(ana.open(PAGE)), caption="Other words")
    answer = ben.submit(f"{PAGE}/approve", "/account", seen=seen)
    assert answer.status_code == 409
    assert "Ana" in answer.text
    assert "edited it at 2026-11-20 09:00:00 UTC" in answer.text
    assert verdict(project) == ("edited", "Ana", "desk")


def test_a_tab_that_shows_older_platform_fields_is_refused(ana: Browser, project: Project) -> None:
    seen = seen_on(ana.open(PAGE))
    write_channel(project.settings.root, "crafts", platforms={"instagram": {"share_to_feed": False}})
    answer = ana.submit(f"{PAGE}/approve", "/account", seen=seen)
    assert answer.status_code == 409
    assert "platform fields" in answer.text
    assert verdict(project) is None


def test_a_form_that_does_not_say_what_it_showed_is_refused(ana: Browser, project: Project) -> None:
    for seen in ("", "1", "1.2", "x.y.z", "1.4." + "a" * 80):
        assert ana.submit(f"{PAGE}/approve", PAGE, seen=seen).status_code == 400
    assert verdict(project) is None


def test_who_may_decide_on_a_channel_is_asked_whatever_the_role(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(channels={"crafts": {"review": {"who": ["Ana"]}}})
    reviewable(project)
    ben = person(desk_on(project), "Ben", "admin")
    answer = ben.submit(f"{PAGE}/approve", PAGE, seen=seen_on(ben.open(PAGE)))
    assert answer.status_code == 403
    assert "Ana" in answer.text
    assert verdict(project) is None


def test_many_are_approved_at_once_and_the_stale_one_is_left(make_project: Callable[..., Project]) -> None:
    project = make_project(channels={"crafts": {}, "history": {}})
    reviewable(project)
    other = reviewable(project, name="history").id
    ana = person(desk_on(project), "Ana", "reviewer")
    items = re.findall(r'name="item" value="([^"]+)"', ana.open("/"))
    assert len(items) == 2
    decide(project, other, "edited", by="Ben", via="cli", caption="Changed since")
    answer = ana.submit("/approve", "/", item=items)
    assert answer.status_code == 409
    assert "Approved 1 of 2" in answer.text
    assert "Ben" in answer.text
    assert verdict(project) == ("approved", "Ana", "desk")
    assert verdict(project, other) == ("edited", "Ben", "cli")


def test_a_hold_shows_until_decided_and_a_recall_asks_again(ana: Browser, ben: Browser, project: Project) -> None:
    assert ana.submit(f"{PAGE}/hold", PAGE, seen=seen_on(ana.open(PAGE)), note="the client looks").status_code == 303
    assert verdict(project) == ("held", "Ana", "desk")
    for page in (ben.open(PAGE), ben.open("/")):
        assert "on hold" in page
        assert "the client looks" in page
    assert f'action="{PAGE}/hold"' not in ben.open(PAGE)
    assert ben.submit(f"{PAGE}/recall", PAGE, seen=seen_on(ben.open(PAGE))).status_code == 303
    assert "on hold" not in ben.open(PAGE)
    assert content_row(project, CONTENT).review_deadline_at is not None


def test_the_first_approver_is_shown_and_the_second_releases_it(
    make_project: Callable[..., Project],
) -> None:
    project = make_project(channels={"crafts": {"review": {"approvals": 2}}})
    reviewable(project)
    app = desk_on(project)
    ana, ben = person(app, "Ana", "reviewer"), person(app, "Ben", "reviewer")
    seen = seen_on(ben.open(PAGE))
    first = ana.submit(f"{PAGE}/approve", PAGE, seen=seen_on(ana.open(PAGE)))
    assert "another person" in ana.open(first.headers["location"])
    assert "1 of 2 people have approved: <b>Ana</b>" in ana.open(PAGE)
    assert ana.submit(f"{PAGE}/approve", PAGE, seen=seen_on(ana.open(PAGE))).status_code == 409
    assert ben.submit(f"{PAGE}/approve", PAGE, seen=seen).status_code == 303
    assert content_row(project, CONTENT).state == "approved"


def test_a_preview_is_that_of_the_rules_and_saves_nothing(ana: Browser, project: Project) -> None:
    shown = ana.submit(f"{PAGE}/preview", PAGE, caption="Draft <b>words</b>").text
    assert "it is not saved" in shown
    assert "Draft &lt;b&gt;words&lt;/b&gt;" in shown
    assert "<b>words" not in shown
    preview = ana.post(
        f"{PAGE}/preview",
        data={"csrf": re.search(r'csrf" value="([^"]+)', ana.open(PAGE))[1], "caption": "x" * 2300},  # type: ignore[index]
        headers={"origin": "http://desk.localhost", "accept": "application/json"},
    ).json()["captions"]
    assert preview[0]["platform"] == "instagram"
    assert preview[0]["size"] == 2300
    assert "2200" in preview[0]["problem"]
    assert content_row(project, CONTENT).caption == "Clay, patience"


def test_a_segment_is_made_again_by_whoever_asked_for_it(project: Project) -> None:
    started: list[tuple[Sequence[str], str]] = []
    app = desk_on(project, start=lambda _project, line, by: started.append((line, by)))
    ana = person(app, "Ana", "reviewer")
    fire(project, CONTENT, 1, "start", progress=0, detail="queued")
    assert "Make segment 1 again" not in ana.open(PAGE), "it is being made now"
    fire(project, CONTENT, 1, "progress", progress=50, detail="half")
    fire(project, CONTENT, 1, "complete", progress=100, detail="done")
    page = ana.open(PAGE)
    assert "Make segment 1 again" in page
    assert "It costs about $0.50." in page, "five seconds of the channel's model"
    row = content_row(project, CONTENT)
    answer = ana.submit(f"{PAGE}/regenerate", PAGE, segment="1", seen=f"{row.revision}.{row.version}.-")
    assert answer.status_code == 303
    assert started == [(("run", "--date", "2026-11-20", "--channel", "crafts"), "Ana")]
    assert (
        ana.submit(f"{PAGE}/regenerate", PAGE, segment="9", seen=f"{row.revision}.{row.version}.-").status_code == 400
    )


def test_a_rejected_day_is_offered_another_take_with_its_price(project: Project) -> None:
    started: list[tuple[Sequence[str], str]] = []
    app = desk_on(project, start=lambda _project, line, by: started.append((line, by)))
    ana = person(app, "Ana", "reviewer")
    assert "Another take" not in ana.open(PAGE)
    assert ana.submit(f"{PAGE}/retake", PAGE).status_code == 400, "nobody has decided yet"
    decide(project, CONTENT, "rejected", by="Ana", via="desk", note="six fingers")
    page = ana.open(PAGE)
    assert "Another take of this day" in page
    assert f"It costs about ${expected_day_cost(project, channel_of(project)):.2f}." in page
    assert "“six fingers”" in page
    answer = ana.submit(f"{PAGE}/retake", PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}-t2?done=retaking")
    assert started == [(("run", "--date", "2026-11-20", "--channel", "crafts"), "Ana")]
    assert "Another take" not in ana.open(PAGE)
    assert ana.submit(f"{PAGE}/retake").status_code == 400, "it is not the newest any more"
    assert 'class="banner bad"' not in ana.open(f"{PAGE}-t2"), "that it has no folder yet is not a problem"
    assert "Another take" not in person(app, "Vera", "viewer").open(PAGE)


def test_a_failed_content_goes_on_with_what_is_paid(project: Project) -> None:
    started: list[tuple[Sequence[str], str]] = []
    app = desk_on(project, start=lambda _project, line, by: started.append((line, by)))
    ana, failed = person(app, "Ana", "reviewer"), "/content/crafts-2026-11-18"
    assert ana.submit(f"{PAGE}/retry", PAGE).status_code == 400, "it has not stopped"
    add_content(project.catalog, "crafts-2026-11-18", "failed", error="the disk is full")
    page = ana.open(failed)
    assert page.index("What is done and paid is kept") < page.index("Another take of this day")
    answer = ana.submit(f"{failed}/retry", failed)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{failed}?done=continuing")
    assert started == [(("retry", "crafts-2026-11-18"), "Ana")]
    out = "/content/" + add_try(project.catalog, "crafts-2026-11-17", state="failed", effect="refused", error="no")
    assert "Try again" not in ana.open(out), "it would be published"
    assert ana.submit(f"{out}/retry").status_code == 403
    assert person(app, "Olga", "operator").submit(f"{out}/retry", out).status_code == 303


def test_an_approved_content_goes_out_now_through_its_gates(project: Project) -> None:
    started: list[tuple[Sequence[str], str]] = []
    app = desk_on(project, start=lambda _project, line, by: started.append((line, by)))
    olga = person(app, "Olga", "operator")
    project.providers["instagram"] = FakePlatform()
    assert "Publish now" not in olga.open(PAGE)
    refused = olga.submit(f"{PAGE}/publish", PAGE)
    assert (refused.status_code, started) == (403, [])
    assert "instagram: " in refused.text
    decide(project, CONTENT, "approved", by="Ana", via="desk")
    assert "Publish now" in olga.open(PAGE)
    assert "Publish now" not in person(app, "Ana", "reviewer").open(PAGE)
    assert olga.submit(f"{PAGE}/publish", PAGE).status_code == 303
    assert started == [(("publish", CONTENT), "Olga")]


def test_operators_turn_the_kill_switch_and_every_page_shows_it(ana: Browser, olga: Browser) -> None:
    assert ana.submit("/switch", position="off").status_code == 403
    assert olga.submit("/switch", position="off", note="something is odd").status_code == 303
    assert "The kill switch has stopped everything" in ana.open("/")
    money = olga.open("/money")
    assert "Olga" in money
    assert "something is odd" in money


def test_the_money_page_shows_what_is_booked_and_billed(project: Project, olga: Browser) -> None:
    paid: dict[str, Any] = {"state": "confirmed", "settled_usd": Decimal("0.25"), "at": NINE - timedelta(days=1)}
    add_effect(project.catalog, CONTENT, **paid)
    add_effect(project.catalog, CONTENT, target="kling", **paid)
    with project.catalog.write() as connection:
        row = {"world": "sandbox", "vendor": "fal", "day": paid["at"].date(), "usd_by_model": {"wan": "0.40"}}
        connection.execute(bills.insert().values(**row, read_at=NINE))
    money = olga.open("/money")
    assert "$0.25 booked, $0.40 billed" in money
    assert "read until 2026-11-19, at 2026-11-20 09:00 UTC" in money
    assert "not reported: dayreel reads no bill of this vendor" in money


def unknown_effect(project: Project, kind: str = "llm") -> int:
    return add_effect(project.catalog, CONTENT, kind=kind, target="anthropic", layer="idea", reserved_usd=0)


@pytest.mark.parametrize(("button", "fields", "state"), [
    ("found", {"found": "req-7"}, "confirmed"),
    ("not-there", {"looked": "yes"}, "intended"),
])  # fmt: skip
def test_an_unknown_effect_is_resolved_once_in_a_persons_name(
    olga: Browser, ana: Browser, project: Project, button: str, fields: dict[str, str], state: str
) -> None:
    number = unknown_effect(project)
    page = olga.open("/unknown")
    assert "the answer was lost" in page
    assert "it may be sent again" in page
    assert ana.submit(f"/unknown/{number}/{button}", **fields).status_code == 403
    assert olga.submit(f"/unknown/{number}/{button}", **fields).status_code == 303
    row = ledger_rows(project, id=number)[0]
    assert row["state"] == state
    assert "Olga looked" in row["error"]
    assert olga.submit(f"/unknown/{number}/{button}", **fields).status_code == 400


def test_not_there_needs_somebody_who_has_looked(olga: Browser, project: Project) -> None:
    number = unknown_effect(project)
    assert olga.submit(f"/unknown/{number}/not-there").status_code == 400
    assert ledger_rows(project, id=number)[0]["state"] == "unknown"


def test_pages_report_a_broken_manifest_or_channel_file(ana: Browser, project: Project) -> None:
    (project.contents.folder(CONTENT) / "metadata.json").write_text("{", encoding="utf-8")
    assert "metadata.json" in ana.open(PAGE)
    (project.settings.root / "channels" / "crafts.yaml").write_text("title: [", encoding="utf-8")
    page = ana.open(PAGE)
    assert f"{PAGE}/approve" not in page
    assert CONTENT in ana.open("/")


def test_what_is_not_there_is_a_page_with_a_way_back(ana: Browser, desk: Starlette) -> None:
    answer = ana.get("/content/crafts-2020-01-01")
    assert answer.status_code == 404
    assert "There is no content" in answer.text
    nowhere = ana.get("/contents/crafts", headers={"accept": "text/html"})
    assert nowhere.status_code == 404
    assert "There is no page &#39;/contents/crafts&#39; here" in nowhere.text
    assert 'href="/"' in nowhere.text
    assert ana.get("/contents/crafts", headers={"accept": "image/png"}).text == "Not Found\n"
    without_library = ana.get("/library", headers={"accept": "text/html"})
    assert without_library.status_code == 404
    assert "There is no page &#39;/library&#39; here" in without_library.text
