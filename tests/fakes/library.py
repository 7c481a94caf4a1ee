"""A shared folder with a catalog beside it, and a worker that pretends: it copies its inputs and says so."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from dayreel.footage.library.ingest import ingest
from dayreel.footage.library.open_library import Library, open_library
from dayreel.footage.library.run_pass import run_pass
from dayreel.footage.rules.paths import ItemName, ItemStage
from dayreel.footage.schemas.job import JobFile, JobResult
from dayreel.footage.stores.job_queue import install
from dayreel.footage.stores.plan import load_plan, start_library
from dayreel.footage.stores.reads import ItemRow, get_item
from dayreel.services.project import Project
from dayreel.stores.files import sha256_of

STREAMS = [
    {"index": 0, "kind": "video", "codec": "h264", "is_kept": True, "reason": "the largest picture"},
    {"index": 1, "kind": "sound", "codec": "aac", "language": "eng", "is_kept": True, "reason": "wanted"},
    {"index": 2, "kind": "sound", "codec": "aac", "language": "fra", "is_kept": False, "reason": "its language is fra"},
]


def make_library(project: Project, **plan: Any) -> Library:
    """Return the library of a project, on a shared folder below its root.

    Args:
        plan: what differs from the plan that `dayreel library init` writes.
    """
    root = project.settings.root / "shared"
    start_library(root)
    project = replace(project, settings=project.settings.model_copy(update={"library": root}))
    library = open_library(project)
    return replace(library, plan=load_plan(root).model_copy(update=plan)) if plan else library


def library_with(project: Project, name: ItemName, clip: Path) -> Library:
    """Return a library in which an item was ingested and waits for a worker."""
    library = make_library(project)
    ingest(library, name, [clip])
    run_pass(library)
    return library


def pretend_to_work(library: Library, role: str, *, error: str | None = None) -> str | None:
    """Claim a job of a role and finish it, or fail it with an error; return its id, or None when there is none.

    It takes a second.
    """
    library.project.clock.sleep(1)
    now = library.project.clock.now()
    claim = library.queue.claim([role], worker="pretender", now=now)
    if claim is None:
        return None
    outputs = []
    for source in claim.spec.inputs if error is None else ():
        name = claim.spec.parameters.get("names", {}).get(Path(source.path).name, Path(source.path).name)
        target = claim.aside / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library.root / source.path, target)
        outputs.append(JobFile(path=name, size_bytes=target.stat().st_size, sha256=sha256_of(target)))
    facts = {"files": [{"path": file.path, "duration_s": 0.2, "streams": STREAMS} for file in outputs]}
    result = JobResult(
        outcome="done" if error is None else "failed",
        outputs=tuple(outputs),
        facts=facts,
        error=error,
        worker="pretender",
        fence=claim.fence,
        started_at=now,
        finished_at=now,
    )
    claim.finish(result)
    if error is None:
        install(library.root, claim.spec, result)
    return claim.spec.job


def drop(library: Library, name: ItemName, stage: ItemStage, *files: Path) -> Path:
    """Put files where a script would, with the three lines of seed 002; return the folder."""
    folder = library.root / name.folder(stage)
    (folder / ".pipeline").mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder)
    (folder / ".pipeline" / f"{stage}.done").touch()
    (folder / ".pipeline" / f"{stage}.timestamp").write_text("2026-11-20T09:00:00+00:00\n", encoding="utf-8")
    return folder


def item(library: Library, item_id: str) -> ItemRow:
    """Return an item's row."""
    with library.project.catalog.read() as connection:
        return get_item(connection, item_id)
