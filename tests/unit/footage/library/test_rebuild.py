"""What a rebuild brings back: everything the folder says, and of what the catalog alone knew all that still holds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from dayreel.errors import MediaError
from dayreel.footage.library.documents import gates_document
from dayreel.footage.library.gates import answer
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.library.rebuild import rebuild
from dayreel.footage.library.run_pass import run_pass
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import human_approvals, jobs, media_files, media_items, state_transitions
from tests.fakes.library import drop, item, make_library, pretend_to_work

TABLES = (media_items, media_files, human_approvals, jobs, state_transitions)


def dump(library: Library) -> dict[str, list[dict[str, Any]]]:
    """Return every row about own footage, by table; files without the numbers that the database gives them."""
    with library.project.catalog.read() as connection:
        rows = {table.name: [dict(row) for row in connection.execute(select(table)).mappings()] for table in TABLES}
    for row in rows["media_files"]:
        del row["id"]
    return {name: sorted(kept, key=str) for name, kept in rows.items()}


@pytest.fixture
def library(make_project: Callable[..., Project], make_film: Callable[..., Path]) -> Library:
    """A library that people live in: filed, asked, answered, refused, failed, running, waiting, quarantined."""
    library = make_library(make_project())
    names = [movie_name(f"Film {number}", None) for number in range(6)]
    for number, name in enumerate(names):
        ingest(library, name, [make_film(number)])
        run_pass(library)
        if name != names[5]:
            pretend_to_work(library, "remux", error="it has no picture" if name == names[4] else None)
    run_pass(library)
    asked = {gate["item_id"]: gate["id"] for gate in gates_document(library.project.catalog)}
    answer(library, asked[names[0].item_id], "approved", by="ana", via="cli")
    answer(library, asked[names[1].item_id], "rejected", by="ben", via="desk", response={"keep": [0, 1]})
    answer(library, asked[names[2].item_id], "rejected", by="ben", via="desk")
    run_pass(library)
    library.project.clock.sleep(1)
    assert library.queue.claim(["transcode"], worker="one", now=library.project.clock.now()) is not None
    run_pass(library)
    page = make_film(9, "page.mp4")
    page.write_bytes(b"<html>")
    with pytest.raises(MediaError):
        ingest(library, movie_name("A Page", None), [page])
    drop(library, movie_name("Refused", None), "rip", page)
    run_pass(library)
    return library


def test_a_rebuild_of_a_lived_in_library_changes_nothing(library: Library) -> None:
    before = dump(library)
    assert {row["state"] for row in before["media_items"]} == {"ripped", "remuxed", "quarantined"}
    assert {row["status"] for row in before["human_approvals"]} == {"pending", "approved", "rejected"}
    assert {row["state"] for row in before["jobs"]} == {"queued", "rendering", "completed", "failed"}
    rebuild(library)
    assert dump(library) == before
    assert run_pass(library) == []


def test_a_rebuild_without_a_catalog_asks_again_what_was_open(library: Library) -> None:
    before = dump(library)
    with library.project.catalog.write("library") as connection:
        for lost in (media_items, state_transitions):
            connection.execute(delete(lost))
    rebuild(library)
    after = dump(library)
    on_disk = {row["id"] for row in before["media_items"]} - {"movie-a_page", "movie-refused"}
    # Only on the catalog: what was refused where it came from. A refused marker is looked at again by the next pass.
    assert {row["id"] for row in after["media_items"]} == on_disk

    def facts_of(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
        return sorted(tuple(row[name] for name in names) for row in rows if row.get("item_id", row["id"]) in on_disk)

    for table, names in {
        "media_items": ("id", "kind", "leaf", "title", "state", "folder_path", "perceptual_hash", "error"),
        "human_approvals": ("item_id", "approval_type", "status", "subject_sha256", "responded_by", "via"),
        "jobs": ("id", "item_id", "role", "state", "worker", "requested_at", "input_bytes"),
    }.items():
        assert facts_of(after[table], *names) == facts_of(before[table], *names), table
    assert after["media_files"] == before["media_files"]
    assert [row["prompt_data"] for row in after["human_approvals"] if row["status"] == "pending"] == [
        row["prompt_data"] for row in before["human_approvals"] if row["status"] == "pending"
    ]
    words = run_pass(library)
    assert [word for word in words if "job" in word] == []  # nothing that waits or runs is sent a second time
    assert item(library, "movie-refused").state == "quarantined"


def test_a_damaged_manifest_stops_no_rebuild(library: Library) -> None:
    bad = movie_name("Film 5", None)
    (library.root / bad.marker_dir("rip") / "metadata.json").write_text("{", encoding="utf-8")
    before = dump(library)
    rebuild(library)
    after = dump(library)
    row = item(library, bad.item_id)
    assert (row.state, row.metadata["trouble"]["kind"]) == ("ripped", "manifest")
    others = [kept for kept in before["media_items"] if kept["id"] != bad.item_id]
    assert [kept for kept in after["media_items"] if kept["id"] != bad.item_id] == others
    assert after["jobs"] == before["jobs"]


def test_a_rebuild_that_is_killed_leaves_the_catalog(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    before = dump(library)
    with monkeypatch.context() as patch:
        patch.setattr("dayreel.footage.library.rebuild._jobs", killed)
        with pytest.raises(KeyboardInterrupt):
            rebuild(library)
    assert dump(library) == before
