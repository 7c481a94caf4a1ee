"""The desk: the queue page over 10,000 contents, and 500 people who follow one render: `python -m bench.desk`.

Server time of a page is from the request's arrival at the application to its last byte, in this process. The streams
are served by a process of their own over TCP; a commit is made here, and the clock stops when a watcher has the event.
Exit code 1 when a bar is missed. `--contents N`, `--viewers N` and `--rounds N` change the size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

from dayreel.desk.app import create_desk
from dayreel.schemas.content import CheckResult, FileRecord, FinalVideo, Idea
from dayreel.schemas.manifest import Manifest
from dayreel.services.desk.sessions import Sessions
from dayreel.services.desk.users import Users
from dayreel.services.making.renders import fire
from dayreel.services.project import Project, open_project
from dayreel.settings import Settings
from dayreel.stores.catalog.tables import content, renders

BARS = {"queue_ms": 50.0, "sse_p99_ms": 250.0}
CHANNEL = """
title: Channel {n}
topic: A craft on {{date}}
content_type: crafts
active_from: 2020-01-01
ideas: {{provider: anthropic, model: m}}
prompts: {{provider: openai, model: m}}
video: {{provider: fal, model: m}}
platforms: {{instagram: {{hashtags: ["#handmade"]}}}}
"""
CHANNELS = 20


def make_project(root: Path, contents: int) -> Project:
    """Return a project on a project in which every content waits for its review: the most a queue can hold."""
    (root / "channels").mkdir()
    (root / "workspace.yaml").touch()
    for n in range(CHANNELS):
        (root / "channels" / f"channel_{n:02}.yaml").write_text(CHANNEL.format(n=n), encoding="utf-8")
    project = open_project(Settings(_env_file=None, root=root), actor="bench")
    now, rows = project.clock.now(), []
    for number in range(contents):
        channel, day = f"channel_{number % CHANNELS:02}", (now - timedelta(days=number // CHANNELS)).date()
        rows.append(_row(f"{channel}-{day}", channel, day, now, deadline=now + timedelta(hours=24, seconds=number)))
    with project.catalog.write() as connection:
        connection.execute(insert(content), rows)
        connection.execute(insert(renders), [_render(row["id"], now) for row in rows])
    for row in rows[:100]:
        project.contents.create(_manifest(row))
    return project


def _row(content_id: str, channel: str, day: Any, now: Any, *, deadline: Any) -> dict[str, Any]:
    texts = {"idea": "A jar rises on a wheel. " * 8, "topic": "clay", "caption": "Clay, patience. " * 10}
    made = {"video_sha256": "a" * 64, "storage_path": content_id, "final_video_path": f"{content_id}/final_video.mp4"}
    stand = {"state": "review_pending", "version": 5, "revision": 1, "review_deadline_at": deadline}
    when = {"created_at": now, "updated_at": now}
    return {
        "id": content_id,
        "channel": channel,
        "day": day,
        "take": 1,
        "world": "sandbox",
        **texts,
        **made,
        **stand,
        **when,
    }


def _render(content_id: str, now: Any) -> dict[str, Any]:
    stand = {"state": "completed", "version": 3, "progress": 100, "updated_at": now}
    return {"id": f"{content_id}#1", "content_id": content_id, "sequence": 1, **stand}


def _manifest(row: dict[str, Any]) -> Manifest:
    checks = [CheckResult(name=f"check_{n}", passed=True, value="1", expected="1", message="") for n in range(12)]
    final = FinalVideo(
        file=FileRecord(path="final_video.mp4", sha256=row["video_sha256"], size_bytes=7),
        revision=1, duration_s=15, width=720, height=1280, loudness_lufs=-14, true_peak_dbtp=-1, mode="copy",
        poster="poster.jpg", contact_sheet="contact_sheet.jpg", checks=tuple(checks), made_at=row["created_at"],
    )  # fmt: skip
    idea = Idea(idea=row["idea"], caption=row["caption"], topic="clay")
    return Manifest(
        content_id=row["id"], channel=row["channel"], day=row["day"], take=1, world="sandbox", simulated=True,
        created_at=row["created_at"], idea=idea, final_video=final,
    )  # fmt: skip


def token_for(project: Project) -> str:
    """Return the API token of a new viewer."""
    users = Users(project.catalog, project.clock)
    users.add("Bench", "reviewer", by="bench")
    return Sessions(project.catalog, project.clock).make_token(users.named("Bench"), "bench", by="bench")


async def queue_ms(project: Project, token: str, rounds: int) -> tuple[float, list[float], list[float]]:
    """Return, in ms, the server time of the very first page, of those after it, and the CPU time of those after it."""
    transport = httpx.ASGITransport(create_desk(project))
    headers = {"authorization": f"Bearer {token}", "accept": "text/html"}
    taken, cpu = [], []
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.localhost", headers=headers) as client:
        for number in range(rounds + 1):
            begun, used = time.perf_counter(), time.process_time()
            answer = await client.get("/", params={"page": 1 + number % 3})
            taken.append((time.perf_counter() - begun) * 1000)
            cpu.append((time.process_time() - used) * 1000)
            assert answer.status_code == 200, answer.text
            assert answer.text.count('class="card item"') == 25
    return taken[0], taken[4:], cpu[4:]


@contextmanager
def desk_process(root: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve the project's desk in a process of its own; gives its address."""
    line = [sys.executable, "-m", "bench.desk", "--serve", str(root)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


def serve(root: Path) -> None:
    """Serve, print the address, and for every line that comes in, how often the catalog was read for the streams."""
    import threading

    import uvicorn

    project = open_project(Settings(_env_file=None, root=root), actor="bench")
    app = create_desk(project)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", access_log=False))

    def talk() -> None:
        while not server.started:
            time.sleep(0.02)
        print(f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
        for _line in sys.stdin:
            print(
                json.dumps({"reads": app.state.desk.feed.reads, "watching": app.state.desk.feed.watching}), flush=True
            )

    threading.Thread(target=talk, daemon=True).start()
    server.run()


def ask(process: subprocess.Popen[str]) -> dict[str, int]:
    """Return what the desk's process says of its feed."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    counts: dict[str, int] = json.loads(process.stdout.readline())
    return counts


async def watch(address: str, token: str, content_id: str, got: dict[int, list[float]], here: list[int]) -> None:
    """Follow one content and write down when each step, or a later one, was known."""
    host, _colon, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
    lines = (f"GET /renders/{content_id}/events HTTP/1.1", f"Host: {address}", f"Authorization: Bearer {token}", "", "")
    writer.write("\r\n".join(lines).encode())
    known = -1
    try:
        while event := await reader.readuntil(b"\n\n"):
            now = time.perf_counter()
            start = event.find(b'"detail":"')
            if start < 0:
                continue
            word, _space, number = event[start + 10 :].split(b'"')[0].partition(b" ")
            if word != b"step":
                here.append(1)
                continue
            # A slow stream holds the newest state alone: whoever has a later step knows the earlier ones.
            for step in range(known + 1, int(number) + 1):
                got.setdefault(step, []).append(now)
            known = max(known, int(number))
    except asyncio.CancelledError:
        writer.close()
        raise


async def follow_ms(
    project: Project, address: str, token: str, content_id: str, *, viewers: int, rounds: int, process: Any
) -> tuple[list[float], float]:
    """Return how long every event took from commit to receipt, in ms, and the reads of the catalog per second."""
    got: dict[int, list[float]] = {}
    here: list[int] = []
    watchers = [asyncio.create_task(watch(address, token, content_id, got, here)) for _ in range(viewers)]
    while len(here) < viewers:
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    committed: dict[int, float] = {}
    before, begun = await asyncio.to_thread(ask, process), time.perf_counter()
    for step in range(rounds):
        await asyncio.to_thread(fire, project, content_id, 1, "progress", progress=step, detail=f"step {step}")
        committed[step] = time.perf_counter()
        await asyncio.sleep(0.3 + random.random() * 0.2)
    await asyncio.sleep(1)
    after, ended = await asyncio.to_thread(ask, process), time.perf_counter()
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
    for step in range(rounds):
        assert len(got.get(step, [])) == viewers, f"step {step} reached {len(got.get(step, []))} of {viewers}"
    taken = [(at - committed[step]) * 1000 for step, every in got.items() for at in every]
    return taken, (after["reads"] - before["reads"]) / (ended - begun)


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contents", type=int, default=10_000)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.serve is not None:
        serve(chosen.serve)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder), chosen.contents)
        try:
            figures = measure(project, chosen)
        finally:
            project.catalog.close()
    for name, figure in figures.items():
        bar = BARS.get(name)
        print(
            f"{name:28} {figure:9.1f}"
            + ("" if bar is None else f"   bar {bar:g} {'held' if figure <= bar else 'MISSED'}")
        )
    if chosen.json:
        print(json.dumps(figures))
    return int(any(figures[name] > bar for name, bar in BARS.items()))


def measure(project: Project, chosen: argparse.Namespace) -> dict[str, float]:
    """Return every figure by its name."""
    token = token_for(project)
    first, taken, cpu = asyncio.run(queue_ms(project, token, chosen.rounds))
    content_id = next(iter(sorted(path.name for path in project.contents.root.iterdir())))
    fire(project, content_id, 1, "start", progress=0, detail="queued")
    rates = {}
    with desk_process(project.settings.root) as (address, process):
        for viewers in (max(1, chosen.viewers // 10), chosen.viewers):
            delays_ms = follow_ms(
                project, address, token, content_id, viewers=viewers, rounds=chosen.rounds, process=process
            )  # fmt: skip
            delays, rates[viewers] = asyncio.run(delays_ms)
            fire(project, content_id, 1, "progress", progress=0, detail="between")
    return {
        "queue_first_ms": first,
        "queue_ms": statistics.median(taken),
        "queue_cpu_ms": statistics.median(cpu),
        "queue_worst_ms": max(taken),
        "sse_median_ms": statistics.median(delays),
        "sse_p99_ms": statistics.quantiles(delays, n=100)[98],
        "sse_worst_ms": max(delays),
        **{f"reads_per_s_at_{viewers}": rate for viewers, rate in rates.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
