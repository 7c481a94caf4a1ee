"""Own footage at the desk without JavaScript: answering questions, following work, an item's story, the folder away."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert
from starlette.applications import Starlette

from dayreel.errors import TransientError
from dayreel.footage.library.gates import answer
from dayreel.footage.library.ingest import disc_name, ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.schemas.job import JobProgress
from dayreel.footage.stores.reads import GateRow, get_gate, jobs_of
from dayreel.services.audit import recent_acts
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import human_approvals
from tests.fakes.desk import Browser, csrf_of, desk_on, person
from tests.fakes.library import drop, make_library, pretend_to_work

FALLS = movie_name("Hidden Falls", 2019)
ITEM = f"/library/items/{FALLS.item_id}"


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    return make_library(make_project())


@pytest.fixture
def desk(library: Library) -> Starlette:
    return desk_on(library.project)


@pytest.fixture
def remuxed(library: Library, tiny_clip: Path) -> Library:
    """A movie about whose streams somebody is asked."""
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    return library


@pytest.fixture
def transcoded(remuxed: Library) -> Library:
    """The same about whose name somebody is asked."""
    answer(remuxed, 1, "approved", by="ana", via="cli")
    run_pass(remuxed)
    pretend_to_work(remuxed, "transcode")
    run_pass(remuxed)
    return remuxed


class NoTitles:
    """A service of titles that is away."""

    def movie(self, _title: str, _year: int | None) -> None:
        raise TransientError(attempted="look it up", answer="HTTP 503")


def gate(library: Library, number: int) -> GateRow:
    with library.project.catalog.read() as connection:
        return get_gate(connection, number)


def test_the_page_is_linked_where_there_is_a_shared_folder(vera: Browser) -> None:
    assert 'href="/library"' in vera.open("/account")
    assert "dayreel ingest FILE" in vera.open("/library")
    assert vera.get("/library?state=lost").status_code == 404


def test_a_reviewer_can_look_up_titles_again_where_configured(transcoded: Library, ana: Browser, vera: Browser) -> None:
    assert "Look up again" not in ana.open("/library")
    with (transcoded.root / "library.yaml").open("a") as plan:
        plan.write("file: {lookup: tmdb}\n")
    transcoded.project.providers["tmdb"] = NoTitles()
    assert ana.submit("/library/questions/2/look-up", "/library").headers["location"].endswith("question-looked-up")
    page = ana.open("/library")
    assert page.count("tmdb could not be asked") == 1
    assert "/library/questions/3/look-up" in page
    assert "look-up" not in vera.open("/library")
    assert vera.submit("/library/questions/3/look-up").status_code == 403
    assert ana.submit("/library/questions/2/look-up", "/library").status_code == 409


def test_a_reviewer_sees_every_streams_reason_and_approves(remuxed: Library, ana: Browser, vera: Browser) -> None:
    page = ana.open("/library")
    assert "its language is fra" in page
    assert re.search(r'Library <b class="badge">1</b>', page)
    assert "its language is fra" in vera.open("/library")
    assert "/library/questions/1/approve" not in vera.open("/library")
    assert vera.submit("/library/questions/1/approve").status_code == 403
    assert ana.post("/library/questions/1/approve", headers={"origin": "http://desk.localhost"}).status_code == 403
    assert gate(remuxed, 1).status == "pending"

    assert ana.submit("/library/questions/1/approve", "/library").headers["location"].endswith("question-approved")
    question = gate(remuxed, 1)
    assert (question.status, question.responded_by, question.via) == ("approved", "Ana", "desk")


def test_whoever_comes_second_learns_who_was_first(remuxed: Library, ana: Browser, ben: Browser) -> None:
    ana.submit("/library/questions/1/reject", "/library")
    late = ben.submit("/library/questions/1/approve")
    assert late.status_code == 409
    assert "answered first by &#39;Ana&#39;" in late.text
    assert gate(remuxed, 1).status == "rejected"
    assert "Ana said no: make it again and touch its marker again" in ben.open("/library")


def test_choosing_other_streams_repeats_the_remux_with_them(remuxed: Library, ana: Browser) -> None:
    ticked = re.findall(r'name="keep" value="(\d)"( checked)?', ana.open("/library"))
    assert ticked == [("0", " checked"), ("1", " checked"), ("2", "")]
    assert ana.submit("/library/questions/1/keep", "/library", keep=["0", "9"]).status_code == 400
    assert ana.submit("/library/questions/1/keep", "/library", keep="0;").status_code == 400
    assert ana.submit("/library/questions/1/keep", "/library").status_code == 400
    assert ana.submit("/library/questions/1/keep", "/library", keep=["0", "2"]).status_code == 303
    assert gate(remuxed, 1).response_data == {"keep": [0, 2]}
    assert "Ana said no: a worker makes it again" in ana.open("/library")


def test_lookup_results_are_shown_with_the_names_and_escaped(library: Library, ana: Browser) -> None:
    looked_up = "tmdb calls it '<b>Falls</b>' (2019), movie/7"
    prompt = {"folder": "f", "names": {"a.mp4": "movies/A/A.mp4"}, "looked_up": {"by": "tmdb", "said": looked_up}}
    drop(library, FALLS, "rip")
    run_pass(library)
    with library.project.catalog.write() as connection:
        row = {"item_id": FALLS.item_id, "approval_type": "naming_confirm", "status": "pending", "prompt_data": prompt}
        at = library.project.clock.now()
        connection.execute(insert(human_approvals).values(**row, subject_sha256="s", requested_at=at))
    assert "tmdb calls it &#39;&lt;b&gt;Falls&lt;/b&gt;&#39; (2019), movie/7" in ana.open("/library")


def test_names_can_be_edited_and_an_invalid_name_is_given_back(transcoded: Library, ana: Browser) -> None:
    page = ana.open("/library")
    assert ">movies/Hidden Falls (2019)/Hidden Falls (2019).mp4</textarea>" in page
    bad = ana.submit("/library/questions/2/approve", "/library", file="tiny.mp4", name="falls.mp4")
    assert bad.status_code == 400
    assert ">falls.mp4</p>" in bad.text, "what was typed is not lost"
    odd = ana.submit("/library/questions/2/approve", "/library", file="tiny.mp4")
    assert odd.status_code == 400
    assert gate(transcoded, 2).status == "pending"
    name = "movies/Hidden Falls (2019)/Falls.mp4"
    assert ana.submit("/library/questions/2/approve", "/library", file="tiny.mp4", name=name).status_code == 303
    assert gate(transcoded, 2).response_data == {"names": {"tiny.mp4": name}}


def test_an_item_shows_its_files_evidence_and_who_decided_what(transcoded: Library, vera: Browser) -> None:
    page = vera.open(ITEM)
    assert "2-remuxed/movies/Hidden_Falls_2019" in page
    assert "3-transcoded/movies/Hidden_Falls_2019" in page
    assert "remux review: approved by <b>ana</b> (cli)" in page
    assert "are these names right?" in page
    assert "by pretender" in vera.open(f"/library/work?item={FALLS.item_id}")
    assert vera.get("/library/items/movie-nobody").status_code == 404


def test_a_job_shows_progress_and_operators_cancel_or_retry_it(
    library: Library, ana: Browser, olga: Browser, tiny_clip: Path
) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    claim = library.queue.claim(["remux"], worker="attic", now=library.project.clock.now())
    assert claim is not None
    claim.progress(JobProgress(percent=40, fps=23.5, eta_s=185, detail="remux: tiny.mp4"))
    work = ana.open("/library/work")
    for words in ("40 %", "23.5 fps", "3 min left", "remux: tiny.mp4"):
        assert words in work
    assert "/cancel" not in work
    assert ana.submit(f"/library/jobs/{claim.spec.job}/cancel").status_code == 403
    assert olga.submit(f"/library/jobs/{claim.spec.job}/cancel", "/library").status_code == 303
    assert claim.is_cancelled()
    assert olga.submit(f"/library/jobs/{claim.spec.job}/retry", "/library").status_code == 409
    with library.project.catalog.read() as connection:
        act = recent_acts(connection, limit=1)[0]
    assert (act.actor, act.via, act.act, act.target) == ("Olga", "desk", "cancel job", claim.spec.job)


def test_a_failed_job_is_tried_again_under_the_persons_name(library: Library, olga: Browser, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    run_pass(library)
    job = pretend_to_work(library, "remux", error="the disc is scratched")
    run_pass(library)
    assert "the disc is scratched" in olga.open("/library")
    assert olga.submit(f"/library/jobs/{job}/retry", "/library").status_code == 303
    with library.project.catalog.read() as connection:
        assert [(queued.id, queued.state) for queued in jobs_of(connection)] == [(job, "queued")]
        assert recent_acts(connection, limit=1)[0].actor == "Olga"


def test_files_whose_streams_are_alike_are_shown_once(
    library: Library, ana: Browser, tiny_clip: Path, tmp_path: Path
) -> None:
    first, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    first.write_bytes(tiny_clip.read_bytes())
    two.write_bytes(tiny_clip.read_bytes() + b"\0\0\0\x08free")
    ingest(library, disc_name("Blue Coast", season=2, disc=1), [first, two], even_if_alike=True)
    run_pass(library)
    pretend_to_work(library, "remux")
    run_pass(library)
    page = ana.open("/library")
    assert "one.mp4, two.mp4</h4>" in page
    assert page.count("its language is fra") == 1


def test_an_absent_folder_shows_a_banner_and_records_nothing(transcoded: Library, olga: Browser) -> None:
    token = csrf_of(olga.open("/library"))
    transcoded.root.rename(transcoded.root.with_name("unplugged"))
    for path in ("/library", ITEM):
        page = olga.open(path)
        assert "The shared folder is not within reach" in page
        assert "Hidden Falls" in page
    body = {"csrf": token, "file": "tiny.mp4", "name": "movies/Falls/Falls.mp4"}
    refused = olga.post("/library/questions/2/approve", data=body, headers={"origin": "http://desk.localhost"})
    assert refused.status_code == 503
    assert gate(transcoded, 2).status == "pending"


def test_without_a_shared_folder_there_is_no_page(make_project: Callable[..., Project]) -> None:
    vera = person(desk_on(make_project()), "Vera", "viewer")
    assert 'href="/library"' not in vera.open("/account")
    assert vera.get("/library").status_code == 404


def test_an_operator_puts_an_item_before_others(library: Library, desk: Starlette, tiny_clip: Path) -> None:
    ingest(library, FALLS, [tiny_clip])
    olga = person(desk, "Olga", "operator")
    assert '<option value="5" selected>5 (as usual)</option>' in olga.open(ITEM)
    assert "/priority" not in person(desk, "Vera", "viewer").open(ITEM)
    assert olga.submit(f"{ITEM}/priority", priority="x").status_code == 400
    olga.submit(f"{ITEM}/priority", priority="0")
    assert '<option value="0" selected>0 (first)</option>' in olga.open(ITEM)
    with library.project.catalog.read() as connection:
        (act,) = recent_acts(connection, limit=1)
    assert (act.act, act.target, act.actor) == ("set priority", FALLS.item_id, "Olga")
    run_pass(library)
    assert (pretend_to_work(library, "remux") or "").startswith("p0-")
