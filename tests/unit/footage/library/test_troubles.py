"""What goes wrong with one item is that item's state; what goes wrong with the machine is nobody's."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy.exc import DatabaseError

from dayreel.errors import DiskFullError, StoreError
from dayreel.footage.library import ingest_marked, run_pass
from dayreel.footage.library.documents import item_document, items_document
from dayreel.footage.library.ingest import ingest, movie_name
from dayreel.footage.library.news import library_news
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.paths import ItemName
from dayreel.footage.schemas.library import ItemManifest
from dayreel.footage.stores.items import ItemStore
from dayreel.services.project import Project
from tests.fakes.library import drop, item, make_library

BAD, GOOD = movie_name("A Bad One", None), movie_name("Hidden Falls", 2019)


@pytest.fixture
def library(make_project: Callable[..., Project]) -> Library:
    return make_library(make_project())


def fail(error: BaseException, name: ItemName = BAD) -> Callable[..., Any]:
    """Return a `save` that fails for one item."""
    save = ItemStore.save

    def failing(store: ItemStore, about: ItemName, *args: Any) -> None:
        if about == name:
            raise error
        save(store, about, *args)

    return failing


def test_a_fault_is_the_items_state_with_its_trace(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate((BAD, GOOD)):
        drop(library, name, "rip", make_film(number))
    with monkeypatch.context() as patch:
        patch.setattr(ItemStore, "save", fail(KeyError("marker_stamp")))
        report = " ".join(run_pass.run_pass(library))
    assert f"{GOOD.item_id}: rip done" in report
    document = item_document(library, BAD.item_id)
    assert document["state"] == "quarantined"
    assert "dayreel itself failed (KeyError: 'marker_stamp')" in document["error"]
    assert f"`dayreel library show {BAD.item_id} --json`" in document["error"]
    assert "in failing" in document["trouble"]["trace"]
    assert "KeyError" in caplog.text
    assert [news.key for news in library_news(library.project, target="log") if BAD.item_id in news.key]

    run_pass.run_pass(library)  # it rests for a minute, and nothing is tried in vain
    assert item(library, BAD.item_id).metadata["trouble"]["times"] == 1
    library.project.clock.sleep(61)
    run_pass.run_pass(library)
    row = item(library, BAD.item_id)
    assert (row.state, row.error, "trouble" in row.metadata) == ("ripped", None, False)


def test_what_is_retried_rests_longer_each_time(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drop(library, BAD, "rip", make_film(1))
    monkeypatch.setattr(ItemStore, "save", fail(PermissionError(errno.EACCES, "Permission denied")))
    rests = []
    for _ in range(5):
        run_pass.run_pass(library, everything=True)
        trouble = item(library, BAD.item_id).metadata["trouble"]
        rests.append(trouble["again_at"] > library.project.clock.now().isoformat())
        assert run_pass.due_library(library) is None
    assert (trouble["kind"], trouble["times"], rests) == ("files", 5, [True] * 5)
    os.utime(folder / ".pipeline" / "rip.done")  # what has changed is tried at once
    assert run_pass.due_library(library) is not None
    run_pass.run_pass(library)
    assert item(library, BAD.item_id).metadata["trouble"]["times"] == 6


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), MemoryError(), DiskFullError("no room")]
)
def test_a_full_disk_is_blamed_on_no_item(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    drop(library, BAD, "rip", make_film(1))
    with monkeypatch.context() as patch:
        patch.setattr(ItemStore, "save", fail(error))
        with pytest.raises(DiskFullError):
            run_pass.run_pass(library)
    assert items_document(library.project.catalog) == []
    run_pass.run_pass(library)
    assert item(library, BAD.item_id).state == "ripped"


def test_a_share_that_goes_away_is_blamed_on_no_item(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(library, BAD, "rip", make_film(1))

    def vanish(*_: object, **__: object) -> NoReturn:
        (library.root / "library.yaml").rename(library.root / "away.yaml")
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(ingest_marked, "decode_fully", vanish)
        with pytest.raises(StoreError, match="No item is to blame"):
            run_pass.run_pass(library)
    assert items_document(library.project.catalog) == []


def test_a_catalog_that_is_lost_is_blamed_on_no_item(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(library, BAD, "rip", make_film(1))
    lost = StoreError("Tried to write to the catalog; it is malformed.")
    lost.__cause__ = DatabaseError("UPDATE", {}, Exception("malformed"))
    monkeypatch.setattr(ItemStore, "save", fail(lost))
    with pytest.raises(StoreError, match="malformed"):
        run_pass.run_pass(library)


def test_a_copied_folder_is_not_taken_for_the_first(library: Library, make_film: Callable[..., Path]) -> None:
    ingest(library, GOOD, [make_film(1)])
    folder = library.root / GOOD.folder("rip")
    copy = folder.with_name("Another_Name")
    import shutil

    shutil.copytree(folder, copy)
    report = " ".join(run_pass.run_pass(library))
    assert f"it is the manifest of {GOOD.item_id}" in report
    assert item(library, "movie-another_name").metadata["trouble"]["kind"] == "manifest"
    assert item(library, GOOD.item_id).error is None
    shutil.rmtree(copy / ".pipeline" / "backups")
    (copy / ".pipeline" / "metadata.json").unlink()
    run_pass.run_pass(library, everything=True)
    assert item(library, "movie-another_name").state == "ripped"


def test_a_manifest_of_a_newer_dayreel_is_left_as_it_is(library: Library, make_film: Callable[..., Path]) -> None:
    ingest(library, GOOD, [make_film(1)])
    path = library.root / GOOD.marker_dir("rip") / "metadata.json"
    newer = path.read_text(encoding="utf-8").replace('"schema_version": 1', '"schema_version": 7')
    path.write_text(newer, encoding="utf-8")
    assert "Bring this dayreel up to date" in " ".join(run_pass.run_pass(library))
    assert path.read_text(encoding="utf-8") == newer


def test_a_folder_that_cannot_be_read_stops_no_look(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate((BAD, GOOD)):
        drop(library, name, "rip", make_film(number))
    scan = os.scandir

    def refuse(path: Any = ".") -> Any:
        if BAD.leaf in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("dayreel.footage.stores.items.os.scandir", refuse)
    report = " ".join(run_pass.run_pass(library))
    assert f"left alone: {BAD.leaf!r} cannot be read" in report
    assert item(library, GOOD.item_id).state == "ripped"


def test_a_read_only_manifest_leaves_the_catalog_as_it_was(
    library: Library, make_film: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The catalog takes the row first: what it refuses never gets a manifest that stops every later look."""
    saved: list[ItemManifest] = []
    monkeypatch.setattr(ItemStore, "save", lambda *args: saved.append(args[-1]))
    refused = replace(library)
    drop(refused, BAD, "rip", make_film(1))
    monkeypatch.setattr(
        "dayreel.footage.library.record_item._describe", lambda *_: (_ for _ in ()).throw(ValueError("refused"))
    )
    run_pass.run_pass(refused)
    assert saved == []
    assert "ValueError: refused" in str(item(library, BAD.item_id).error)
