"""`dayreel why`: the whole story of one content on one page, without a single key in it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dayreel.cli import run as dayreel
from dayreel.cli.why_command import document_of
from dayreel.errors import UsageError
from dayreel.queries.story import find_content_id, story_of
from dayreel.rules.key_like import HIDDEN
from dayreel.services.reviewing.decide import decide
from tests.days import today
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.conftest import QUICK, Made
from tests.orchestration.deployment import ROOT, Deployment, failures

DAY = today()
CRAFTS_ID = f"crafts-{DAY}"


@dataclass(frozen=True)
class Story:
    """A day that was made, edited, approved, posted on two platforms and measured; its tests only look at it."""

    deployment: Deployment
    decision_id: int
    made: str
    measured: str

    def document(self) -> dict[str, Any]:
        with self.deployment.project() as project:
            return document_of(story_of(project, CRAFTS_ID))

    def url(self) -> str:
        """Return the address of the post on Instagram."""
        return str(next(post["url"] for post in self.document()["posts"] if post["platform"] == "instagram"))


@pytest.fixture(scope="module")
def story(bought_once: Made, running_world: RunningSandbox, one_instance: dg.DagsterInstance, place: Path) -> Story:
    running_world.reset()
    running_world.pace(**QUICK)
    deployment = bought_once.deployment.copy(place / "story")
    with deployment.project() as project:
        decide(project, CRAFTS_ID, "edited", by="ben", via="desk", caption="Clay,\nand patience")
    decision_id = deployment.decide(CRAFTS_ID, "approved", note="lovely")
    posts = [["crafts", "posts", platform] for platform in ("instagram", "youtube")]
    posted = deployment.run(one_instance, "publish", DAY, *posts)
    assert posted.success, failures(posted)
    running_world.advance(3600)
    measured = deployment.run(one_instance, "measure", DAY)
    assert measured.success, failures(measured)
    return Story(deployment, decision_id, bought_once.result.run_id, measured.run_id)


def test_the_story_leads_from_the_view_count_back_to_the_prompt(story: Story) -> None:
    document = story.document()
    assert document["state"] == "posted"
    assert [post["snapshots"][0]["views"] is not None for post in document["posts"]] == [True, True]
    assert [(decision["decided_by"], decision["via"]) for decision in document["decisions"]] == [
        ("ben", "desk"),
        ("ana", "cli"),
    ]
    assert document["decisions"][1]["id"] == story.decision_id
    assert document["decisions"][1]["video_sha256"] == document["video"]["file"]["sha256"]
    assert all(segment["request_id"] for segment in document["segments"])
    assert len(document["prompts"]) == 2
    assert document["idea"]["caption"]
    assert {effect["kind"] for effect in document["effects"]} == {"llm", "segment", "notification", "post"}
    assert all(effect["sent"] for effect in document["effects"])
    runs = {run["run_id"]: run for run in document["runs"]}
    assert runs.keys() >= {story.made, story.measured}
    assert runs[story.made]["page"] == f"http://127.0.0.1:8700/dagster/runs/{story.made}"
    assert document["transitions"][-1]["to_state"] == "posted"


def test_the_page_is_printed_for_the_address_of_a_post(
    story: Story, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document, url = story.document(), story.url()
    monkeypatch.chdir(story.deployment.root)
    capsys.readouterr()
    assert dayreel(["why", url]) == 0
    page = capsys.readouterr().out
    for text in (document["idea"]["idea"], document["prompts"][0]["video_prompt"], f"decision {story.decision_id}", url,
                 "lovely", "ben edited", r", to 'Clay,\nand patience'", r"  sent: 'Clay,\nand patience"):  # fmt: skip
        assert text in page
    assert dayreel(["why", CRAFTS_ID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["content_id"] == CRAFTS_ID


def test_a_post_is_found_by_its_address_however_it_was_copied(story: Story) -> None:
    url = story.url()
    with story.deployment.project() as project:
        for copied in (url, url.rstrip("/"), f"{url}?igsh=MzRlODBiNWFlZA==", story.document()["posts"][0]["post_id"]):
            assert find_content_id(project, copied) == CRAFTS_ID
        with pytest.raises(UsageError, match="No post of ours"):
            find_content_id(project, "https://www.instagram.com/reel/unheard-of/")


def test_what_works_like_a_key_is_not_on_the_page(story: Story) -> None:
    page = json.dumps(story.document())
    with story.deployment.project() as project, project.catalog.read() as connection:
        stored = connection.exec_driver_sql("select handle, result from effects").all()
    secrets = [
        value
        for row in stored
        for document in row
        for name, value in json.loads(document).items()
        if name.endswith(("_url", "_uri")) and value
    ]
    assert secrets
    assert [secret for secret in secrets if secret in page] == []
    assert HIDDEN in page


def test_a_day_that_is_not_decided_explains_itself_too(made: Deployment) -> None:
    with made.project() as project:
        document = document_of(story_of(project, f"notes-{DAY}"))
    assert (document["state"], document["posts"], document["decisions"]) == ("review_pending", [], [])


def test_an_unknown_content_is_refused_in_a_sentence(made: Deployment) -> None:
    with made.project() as project:
        with pytest.raises(UsageError, match="is not a valid content id"):
            find_content_id(project, "what is this")
        with pytest.raises(UsageError, match="There is no content"):
            find_content_id(project, "notes-2001-01-01")


def test_why_never_imports_dagster(made: Deployment) -> None:
    code = "import sys; from dayreel.cli import run; run(['why', sys.argv[1]]); sys.exit('dagster' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, f"notes-{DAY}"],
        cwd=made.root, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}, check=False, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "review_pending" in done.stdout
