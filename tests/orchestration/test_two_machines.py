"""A team on two machines: what Dagster makes on one is opened and published on the other, through a bucket alone."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from dayreel.queries.review import review_of
from resources.content_bucket import BucketProjectResource
from tests.days import today
from tests.fakes.bucket import running_bucket
from tests.fakes.sandbox import RunningSandbox
from tests.orchestration.deployment import NOTES, Deployment, failures, metadata_of

DAY = today()
ID = f"notes-{DAY}"


def test_a_day_made_on_one_machine_is_seen_and_posted_elsewhere(
    make_deployment: Callable[..., Deployment],
    sandbox: RunningSandbox,
    tmp_path: Path,
    footage: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running_bucket() as bucket:
        for name, value in {
            "DAYREEL_CONTENT_BUCKET": "videos",
            "DAYREEL_CATALOG_URL": f"sqlite:///{tmp_path / 'shared.db'}",
            "AWS_ENDPOINT_URL_S3": bucket.url,
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "word",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }.items():
            monkeypatch.setenv(name, value)
        here = make_deployment()
        assert isinstance((here.defs.resources or {})["project"], BucketProjectResource)
        result = here.run(instance, "make_day_notes", DAY)
        assert result.success, failures(result)
        assert metadata_of(result, "notes", "final_video")["storage_uri"] == f"s3://videos/{ID}/final_video.mp4"
        made = {path.removeprefix(f"/videos/{ID}/") for path in bucket.objects}
        assert made >= {"metadata.json", "final_video.mp4", "poster.jpg", "raw/video_1.mp4", "raw/video_2.mp4"}
        assert any(path.startswith("thumbnails/final_video-") for path in made)

        there = Deployment.new(tmp_path / "there", {"notes": NOTES}, footage=footage, sandbox_url=sandbox.url)
        with there.project() as project:
            page = review_of(project, ID)
            assert (page.file("final video"), page.file("poster"), page.trouble) == (
                project.contents.folder(ID) / "final_video.mp4",
                project.contents.folder(ID) / "poster.jpg",
                None,
            )
        there.decide(ID, "approved")
        posted = there.run(instance, "publish", DAY, ["notes", "reviews"], ["notes", "posts", "outbox"])
        assert posted.success, failures(posted)
        (sent,) = (there.root / "outbox").rglob("*.mp4")
        assert sent.read_bytes() == (here.settings.content_dir / ID / "final_video.mp4").read_bytes()


def test_without_a_bucket_amazons_sdk_is_not_even_loaded(deployment: Deployment) -> None:
    assert type((deployment.defs.resources or {})["project"]).__name__ == "ProjectResource"
