"""The state manager against a bare write + fsync + rename of the same bytes, in the same run: `python -m bench.state`.

The variants take turns in short blocks, so that a busy moment of the machine falls on all of them, and so that each
pays itself for the space it frees (a file system may do that work later). Exit code 1 when a bar is missed. `--json`
prints the figures as one JSON document, `--rounds N` measures longer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dayreel.clock import SystemClock
from dayreel.schemas.manifest import STAGES, Manifest
from dayreel.stores.state import Disk, PipelineState
from dayreel.stores.state.lock import DocumentLock, sign_as

MOMENT = "2026-01-01T06:00:00Z"
WORDS = ["slow", "dolly", "over", "misty", "valley", "golden", "hour", "film", "grain", "rain", "asphalt", "morning"]
BLOCK = 25
BARE = "bare write + fsync + rename"
FULL = "transaction, everything on"
BARS = {"ratio": 2.0, "lock_us": 100.0, "volatile_per_s": 1000.0}


def make_document() -> dict[str, Any]:
    """Return the manifest of a content whose video is made: about 24 KB as written, always the same."""
    chance = random.Random(3)

    def text(words: int) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(words))

    def file(path: str) -> dict[str, Any]:
        return {"path": path, "sha256": chance.randbytes(32).hex(), "size_bytes": chance.randrange(10**7)}

    def stage() -> dict[str, Any]:
        facts = {"fingerprint": chance.randbytes(32).hex(), "finished_at": MOMENT, "duration_s": 1.25}
        return facts | {
            "provider": "sandbox",
            "model": "clip-1",
            "cost_usd": "0.35",
            "effect_ids": [chance.randrange(99)],
        }

    def segment(number: int) -> dict[str, Any]:
        shape = {"sequence": number, "file": file(f"raw/video_{number}.mp4"), "duration_s": 5.04, "width": 1080}
        return shape | {"height": 1920, "has_audio": True, "provider": "sandbox", "model": "clip-1", "seed": number}

    return {
        "schema_version": 1,
        "content_id": "demo-2026-01-01",
        "channel": "demo",
        "day": "2026-01-01",
        "take": 1,
        "world": "sandbox",
        "simulated": True,
        "created_at": MOMENT,
        "idea": {"idea": text(60), "caption": text(120), "hashtags": ["#valley", "#mist"], "topic": "misty valley"}
        | {"cultural_context": text(40), "environment": text(40), "sound_concept": text(40), "narration": text(70)},
        "prompts": {"prompts": [{"video_prompt": text(160), "audio_prompt": text(30)} for _ in range(7)]},
        "segments": [segment(number) for number in range(1, 8)],
        "narration": {"file": file("narration.mp3"), "duration_s": 14.2, "provider": "sandbox", "voice": "anna"}
        | {"words": [{"text": text(1), "start_s": n / 4, "end_s": n / 4 + 0.2} for n in range(70)]},
        "final_video": {"file": file("final_video.mp4"), "revision": 1, "duration_s": 15.0, "width": 1080}
        | {"height": 1920, "loudness_lufs": -14.0, "true_peak_dbtp": -1.2, "mode": "copy", "poster": "poster.jpg"}
        | {"contact_sheet": "contact_sheet.jpg", "made_at": MOMENT},
        "stages": {name: stage() for name in STAGES},
    }


def bare_writer(folder: Path, raw: bytes, *, keep_names: bool) -> Callable[[], None]:
    """Return the least that puts `raw` in place: with `keep_names` also the directory fsync."""
    target, aside = str(folder / "bare.json"), str(folder / "bare.tmp")

    def write() -> None:
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, raw)
        os.fsync(fd)
        os.close(fd)
        os.replace(aside, target)  # noqa: PTH105  bare
        if keep_names:
            directory = os.open(folder, os.O_RDONLY)
            os.fsync(directory)
            os.close(directory)

    return write


def transaction(state: PipelineState) -> Callable[[], None]:
    """Return what a stage does at its end: it records itself and what it made."""

    def change() -> None:
        with state.transaction() as txn:
            txn.data["final_video"]["revision"] += 1
            txn.data["stages"]["final_video"]["duration_s"] = txn.data["final_video"]["revision"] / 100

    return change


def alternating(folder: Path) -> Callable[[], None]:
    """Return a change made in turn by two instances, so that each finds a document it has not written."""
    turns = [transaction(PipelineState(folder / "turns.json", schema=Manifest)) for _ in range(2)]

    def change() -> None:
        turns.reverse()
        turns[0]()

    return change


def lock_and_unlock(folder: Path) -> Callable[[], None]:
    """Return taking, signing and leaving the lock, with nobody else about."""
    lock = DocumentLock(str(folder / "x.json.lock"), document="x.json", disk=Disk(), clock=SystemClock())
    signature = sign_as(transaction_id="bench", actor="bench", since="now", digest_before="")

    def cycle() -> None:
        hold = lock.acquire(timeout_s=1)
        lock.sign(hold, signature)
        lock.release(hold)

    return cycle


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of every variant in every round."""
    document = make_document()
    for name in ("full.json", "plain.json", "turns.json", "volatile.json"):
        PipelineState(folder / name).write(document)
    raw = (folder / "full.json").read_bytes()
    state = PipelineState(folder / "full.json", schema=Manifest)
    variants: dict[str, Callable[[], object]] = {
        BARE: bare_writer(folder, raw, keep_names=False),
        "bare + fsync of the directory": bare_writer(folder, raw, keep_names=True),
        FULL: transaction(state),
        "transaction without a schema": transaction(PipelineState(folder / "plain.json")),
        "transaction, document changed by another": alternating(folder),
        "transaction, durable=False": transaction(
            PipelineState(folder / "volatile.json", schema=Manifest, durable=False)
        ),
        "read": state.read,
        "lock, sign, unlock": lock_and_unlock(folder),
    }
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(
        -3, rounds // BLOCK
    ):  # the first blocks bring backups to their steady state and are not counted
        for name, run in variants.items():
            seconds = [_seconds(run) for _ in range(BLOCK)]
            taken[name] += seconds if number >= 0 else []
    return taken


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def summarise(taken: dict[str, list[float]]) -> dict[str, Any]:
    """Return median, mean, 95th percentile (in ms) and ratio to the bare write of every variant, and the bars."""
    bare = statistics.median(taken[BARE])
    rows = {
        name: {
            "median_ms": statistics.median(seconds) * 1e3,
            "mean_ms": statistics.fmean(seconds) * 1e3,
            "p95_ms": statistics.quantiles(seconds, n=20)[-1] * 1e3,
            "ratio": statistics.median(seconds) / bare,
        }
        for name, seconds in taken.items()
    }
    volatile = taken["transaction, durable=False"]
    figures = {
        "ratio": rows[FULL]["ratio"],
        "lock_us": rows["lock, sign, unlock"]["median_ms"] * 1e3,
        "volatile_per_s": len(volatile) / sum(volatile),
        "durable_per_s": len(taken[FULL]) / sum(taken[FULL]),
    }
    met = {
        "ratio": figures["ratio"] <= BARS["ratio"],
        "lock_us": figures["lock_us"] <= BARS["lock_us"],
        "volatile_per_s": figures["volatile_per_s"] >= BARS["volatile_per_s"],
    }
    return {"rows": rows, "figures": figures, "bars": BARS, "met": met}


def show(result: dict[str, Any]) -> None:
    """Print the tables of docs/explanation/state.md."""
    print("| 24 KB document | median ms | mean ms | p95 ms | x bare |\n|---|---|---|---|---|")
    for name, row in result["rows"].items():
        print(f"| {name} | {row['median_ms']:.3f} | {row['mean_ms']:.3f} | {row['p95_ms']:.3f} | {row['ratio']:.2f} |")
    figures, met = result["figures"], result["met"]
    verdict = {True: "met", False: "MISSED"}
    print("\n| bar | seed's claim | measured | |\n|---|---|---|---|")
    print(f"| <= 2 x bare, everything on | 1 to 2 ms | {figures['ratio']:.2f} x | {verdict[met['ratio']]} |")
    print(f"| lock uncontended <= 100 us | 100 to 200 us | {figures['lock_us']:.0f} us | {verdict[met['lock_us']]} |")
    print(
        f"| >= 1,000 a second, durable=False | 100 a second | {figures['volatile_per_s']:.0f} a second "
        f"(durable: {figures['durable_per_s']:.0f}) | {verdict[met['volatile_per_s']]} |"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=600)
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--folder", help="where to measure; the temporary directory by default")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = summarise(measure(Path(folder), options.rounds))
    if options.as_json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    return 0 if all(result["met"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
