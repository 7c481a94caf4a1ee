"""A shared folder into which somebody puts anything: manifests, markers and jobs that no program would write.

Each case is a function that spoils one item; which ones, and with what, follows from a seed.
"""

import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dayreel.footage.library.ingest import movie_name
from dayreel.footage.library.open_library import Library
from dayreel.footage.rules.paths import ItemName

JUNK: tuple[Any, ...] = (None, True, -1, 1e308, "", "x" * 5000, [], {}, [[]], {"rip": 1}, "\u202e", "../../etc", 2**70)
STAGES = ("rip", "remux", "transcode", "file")


def manifest_of(name: ItemName, rng: random.Random) -> dict[str, Any]:
    """Return a manifest as dayreel writes it, for a fuzzer to spoil."""
    made = {
        "folder": name.folder("rip"),
        "files": [{"path": "a.mkv", "size_bytes": 4, "sha256": "0" * 64}],
        "made_by": "a script",
        "made_at": "2026-11-20T09:00:00+00:00",
        "job": None,
        "facts": {"marker_stamp": rng.randrange(2**40)},
    }
    return {
        "schema_version": 1,
        "item_id": name.item_id,
        "kind": name.kind,
        "leaf": name.leaf,
        "title": name.title,
        "created_at": "2026-11-20T09:00:00+00:00",
        "stages": {"rip": made},
        "answers": [],
    }


def spoil(library: Library, number: int, rng: random.Random, clip: Path) -> ItemName:
    """Make one item and spoil it; return who it is."""
    name = movie_name(f"Case {number}", None)
    folder = library.root / name.folder("rip")
    pipeline = folder / ".pipeline"
    pipeline.mkdir(parents=True)
    if rng.random() < 0.5:
        shutil.copy(clip, folder / "a.mkv")
    (pipeline / "rip.done").touch()
    for _ in range(rng.randint(1, 2)):
        with contextlib.suppress(OSError):  # what one case has put there may leave no place for the next
            rng.choice(CASES)(library, name, pipeline, rng)
    return name


def _act(rng: random.Random, acts: list[Callable[[], object]]) -> None:
    rng.choice(acts)()


def _truncated(_library: Library, name: ItemName, pipeline: Path, rng: random.Random) -> None:
    text = json.dumps(manifest_of(name, rng))
    (pipeline / "metadata.json").write_text(text[: rng.randrange(len(text))], encoding="utf-8")


def _wrong_types(_library: Library, name: ItemName, pipeline: Path, rng: random.Random) -> None:
    document = manifest_of(name, rng)
    places: list[Any] = [document, document["stages"], document["stages"]["rip"], document["stages"]["rip"]["facts"]]
    place = rng.choice(places)
    place[rng.choice([*place, "extra"])] = rng.choice(JUNK)
    (pipeline / "metadata.json").write_text(json.dumps(document), encoding="utf-8")


def _bytes(_library: Library, _name: ItemName, pipeline: Path, rng: random.Random) -> None:
    deep = b"[" * 100_000
    huge = b'{"a": "' + b"x" * (17 * 2**20) + b'"}'
    raw = rng.choice([b"", b"\0" * 64, b"\xff\xfe{", rng.randbytes(200), deep, b'{"a":' * 90 + b"1" + b"}" * 90, huge])
    (pipeline / "metadata.json").write_bytes(raw + rng.choice([b"", b"NaN", b'{"a": NaN, "a": Infinity}']))


def _other_version(_library: Library, name: ItemName, pipeline: Path, rng: random.Random) -> None:
    document = {**manifest_of(name, rng), "schema_version": rng.choice([2, 99, "1", 0, None])}
    (pipeline / "metadata.json").write_text(json.dumps({**document, "a_new_field": 1}), encoding="utf-8")


def _twin(library: Library, name: ItemName, pipeline: Path, rng: random.Random) -> None:
    other = movie_name(f"Case {rng.randrange(5)}", None)
    (pipeline / "metadata.json").write_text(json.dumps(manifest_of(other, rng)), encoding="utf-8")
    if rng.random() < 0.3:
        shutil.copytree(pipeline.parent, library.root / f"{name.folder('rip')}_COPY", symlinks=True)


def _in_place_of_a_file(_library: Library, _name: ItemName, pipeline: Path, rng: random.Random) -> None:
    path = pipeline / rng.choice(
        ["metadata.json", "rip.done", "state", "transactions.log", "backups", "metadata.json.lock"]
    )
    if path.is_file():
        path.unlink()
    _act(
        rng,
        [
            path.mkdir,
            lambda: os.mkfifo(path),
            lambda: path.symlink_to(path),
            lambda: path.symlink_to("/dev/zero"),
            lambda: path.symlink_to("/etc"),
            lambda: path.symlink_to(pipeline.parent.parent / "gone"),
        ],
    )


def _strange_markers(_library: Library, _name: ItemName, pipeline: Path, rng: random.Random) -> None:
    for marker in rng.sample(
        ["remux.done", "transcode.done", "file.done", "filebot.done", "paint.done", "RIP.DONE"], 2
    ):
        content = rng.choice([b"", b"\xff" * 9, b"p5-20261120T090004-remux-movie-x#1\n", b"x" * 2**20])
        (pipeline / marker).write_bytes(content)
        stamp = rng.choice([0, 1, 2**62, 4_102_444_800 * 10**9])  # 1970, and far in the future
        with contextlib.suppress(OverflowError):
            os.utime(pipeline / marker, ns=(stamp, stamp))


def _no_item(library: Library, _name: ItemName, _pipeline: Path, rng: random.Random) -> None:
    folder = library.root / "4-library" / ".pipeline" / rng.choice(["movie-ghost", "tv-x", "..x", "movie-case_1"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "file.done").touch()
    if rng.random() < 0.5:
        (folder / "metadata.json").write_bytes(rng.choice([b"{", b"null", b"[]", b'{"item_id": "movie-ghost"}']))


def _folders(library: Library, name: ItemName, pipeline: Path, rng: random.Random) -> None:
    base = library.root / "1-ripped" / rng.choice(["movies", "tv"])
    odd = [
        os.fsdecode(b"bad\xff"),
        "a\nb",
        "-rf",
        "\u202etxt",
        "x" * 200,
        "e\u0301",
        "\u00e9",
        "CON",
        "  ",
        "'; drop--",
    ]
    target = base / f"{rng.choice(odd)}"
    _act(
        rng,
        [
            lambda: target.mkdir(exist_ok=True),
            target.touch,
            lambda: target.symlink_to("/etc"),
            lambda: target.symlink_to(target),
            lambda: target.symlink_to(pipeline.parent, target_is_directory=True),
            lambda: pipeline.chmod(0),
            lambda: shutil.move(pipeline, pipeline.with_name("pipeline")),
            (library.root / f"2-remuxed/movies/{name.leaf}").touch,
        ],
    )


def _footage(_library: Library, _name: ItemName, pipeline: Path, rng: random.Random) -> None:
    odd = [os.fsdecode(b"bad\xff.mkv"), "back\\slash.mkv", "new\nline.mkv", "x" * 240 + ".mkv", "-i.mkv", ".mkv"]
    path = pipeline.parent / rng.choice(odd)
    targets = ["/dev/zero", "/etc/passwd"]
    _act(rng, [path.touch, path.mkdir, lambda: path.symlink_to(targets[0]), lambda: path.symlink_to(targets[1])])


def _job(library: Library, name: ItemName, _pipeline: Path, rng: random.Random) -> None:
    place = rng.choice(["pending", "running", "completed", "failed"])
    job = rng.choice([f"p5-20261120T0900{rng.randrange(60):02d}-remux-{name.item_id}", "junk", "p5-x"])
    folder = library.root / ".pipeline" / "jobs" / place / f"{job}{rng.choice(['', '#1', '#0', '#x'])}"
    if rng.random() < 0.3:
        folder.touch()
        return
    folder.mkdir(parents=True)
    (folder / "spec.json").write_bytes(rng.choice([b"{", b"[]", b"null", b"{}", rng.randbytes(50), b"[" * 5000]))
    (folder / "result.json").write_bytes(rng.choice([b"{", b"{}", b'{"outcome": "done"}']))


CASES: tuple[Callable[[Library, ItemName, Path, random.Random], None], ...] = (
    _truncated,
    _wrong_types,
    _wrong_types,
    _bytes,
    _other_version,
    _twin,
    _in_place_of_a_file,
    _strange_markers,
    _no_item,
    _folders,
    _footage,
    _job,
)
