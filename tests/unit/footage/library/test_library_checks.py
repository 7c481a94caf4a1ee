"""What `dayreel doctor` says of own footage: plan, watch, workers, jobs."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dayreel.footage.library.checks import check_library
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import WATCH_LOCK, Library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.worker.presence import WORKERS, Presence
from dayreel.schemas.check import Check
from dayreel.services.project import Project
from dayreel.stores.locks import hold
from tests.fakes.library import make_library


@pytest.fixture
def library(make_project: Callable[..., Project], tiny_clip: Path) -> Library:
    """A library in which a remux waits."""
    library = make_library(make_project())
    ingest(library, movie_name("Hidden Falls", 2019), [tiny_clip])
    run_pass(library)
    return library


def looked(library: Library) -> dict[str, Check]:
    return {check.name: check for check in check_library(library.project.settings) if check.name.startswith("library ")}


def test_a_working_library_is_ok_and_names_workers_and_watcher(library: Library) -> None:
    locks, now = library.project.settings.var_dir / "locks", library.project.clock.now()
    with (
        Presence(library.root, "attic", ["remux"], library.project.clock),
        hold(locks, WATCH_LOCK, what="watch", at=now),
    ):
        checks = looked(library)
    assert {check.verdict for check in checks.values()} == {"ok"}
    assert checks["library plan"].found == "library.yaml: h265, asks people: remux_review, naming_confirm"
    assert checks["library watch"].found.startswith(f"watched by process {os.getpid()}, since ")
    assert checks["library workers"].found.startswith("attic (remux) on ")
    assert checks["library workers"].found.endswith("s ago, idle")
    assert checks["library jobs"].found == "1 pending, 0 running, 0 completed, 0 failed"


def test_a_library_that_nobody_gets_on_with_says_what_to_start(library: Library) -> None:
    checks = looked(library)
    assert (checks["library watch"].verdict, checks["library workers"].verdict) == ("warn", "warn")
    assert "nobody does remux, and jobs wait" in checks["library workers"].found
    assert "`dayreel worker --roles remux --name NAME`" in checks["library workers"].next_step

    with Presence(library.root, "attic", ["remux"], library.project.clock):
        os.utime(library.root / WORKERS / "attic.json", (0, 0))
        checks = looked(library)
    assert "attic (remux)" in checks["library workers"].found
    assert ": gone, last seen 2026-11-20T" in checks["library workers"].found
    assert "nobody does remux" in checks["library workers"].found


def test_a_stalled_job_and_a_stray_folder_are_named_and_kept(library: Library) -> None:
    claim = library.queue.claim(["remux"], worker="attic", now=library.project.clock.now())
    assert claim is not None
    running = library.root / ".pipeline/jobs/running" / f"{claim.spec.job}.1"
    os.utime(running / "heartbeat", (0, 0))
    check = looked(library)["library jobs"]
    assert (check.verdict, check.found) == (
        "warn",
        f"0 pending, 1 running, 0 completed, 0 failed; 1 stalled: {claim.spec.job}",
    )
    assert running.is_dir(), "a look changes nothing"
    (library.root / ".pipeline/jobs/pending/holiday pictures").mkdir()
    check = looked(library)["library jobs"]
    assert "holiday pictures: 'holiday pictures' is not the name of a job's folder" in check.found


def test_a_broken_plan_is_reported_with_its_line(library: Library) -> None:
    (library.root / "library.yaml").write_text("transcode:\n  preset: vhs\n")
    check = looked(library)["library plan"]
    assert check.verdict == "fail"
    assert "library.yaml:2: transcode.preset" in check.found


@pytest.mark.slow
def test_hardware_that_the_plan_wants_is_asked_for_a_frame(library: Library) -> None:
    assert "library encoders" not in looked(library)
    plan = library.root / "library.yaml"
    plan.write_text("transcode: {preset: h265, hardware: prefer, target_vmaf: 95}\n")
    check = looked(library)["library encoders"]
    assert check.verdict in ("ok", "warn")
    assert "hevc_nvenc: " in check.found


@pytest.mark.slow
def test_an_ffmpeg_that_cannot_measure_vmaf_is_reported(library: Library, tmp_path: Path) -> None:
    plain = tmp_path / "ffmpeg"
    plain.write_text("#!/bin/sh\necho ' ... scale             V->V       Scale the input video size.'\n")
    plain.chmod(0o755)
    (library.root / "library.yaml").write_text("transcode: {target_vmaf: 95}\n")
    settings = library.project.settings.model_copy(update={"ffmpeg": str(plain)})
    check = next(check for check in check_library(settings) if check.name == "library encoders")
    assert (check.verdict, "has no libvmaf" in check.found) == ("fail", True)
