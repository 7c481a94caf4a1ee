"""What a tick costs with 100, 1,000 and 10,000 contents in the catalog and nothing new; and a decision's way to a run.

The bar: every sensor at most 25 ms, and flat (10,000 contents at most 1.5 times 100). A tick reads what is in memory
and never waits for anybody, so its CPU time is what it takes where nothing else runs; that is what is measured (the
median of many ticks). Ten days of every channel are open, the rest is posted.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import insert

SIZES = (100, 1_000, 10_000)
CHANNELS = 5
OPEN_DAYS = 10
BAR_MS = 25.0
BAR_FLAT = 1.5
SENSORS = ("decision_recorded_sensor", "post_due_sensor", "marker_found_sensor", "chore_due_sensor")
CHANNEL = """title: Channel {number}
topic: Something to look at
content_type: bench
active_from: 2015-01-01
ideas: {{provider: calendar, file: none.csv}}
video: {{provider: clips, folder: none}}
platforms: {{outbox: {{}}}}
"""


def make_project(root: Path, contents: int) -> Any:
    """Write a project with so many contents, their effects, posts, decisions and folders; return its settings.

    Today's content of `channel_0` is missing: `measure` makes that one as services make it, because it is decided on.
    """
    from dayreel.settings import load_settings
    from dayreel.stores.catalog.engine import open_catalog
    from dayreel.stores.catalog.tables import content, decisions, effects, platform_posts

    now = datetime.now(UTC)
    (root / "channels").mkdir(parents=True)
    (root / "workspace.yaml").write_text("", encoding="utf-8")
    (root / ".env").write_text("DAYREEL_FIRST_DAY=2015-01-01", encoding="utf-8")
    for number in range(CHANNELS):
        (root / "channels" / f"channel_{number}.yaml").write_text(CHANNEL.format(number=number), encoding="utf-8")
    rows: list[dict[str, Any]] = []
    for index in range(1, contents):
        day = now.date() - timedelta(days=index // CHANNELS)
        channel = f"channel_{index % CHANNELS}"
        is_open = index < CHANNELS * OPEN_DAYS
        at = now if is_open else now - timedelta(days=index // CHANNELS)
        rows.append(
            {
                "id": f"{channel}-{day}",
                "channel": channel,
                "day": day,
                "take": 1,
                "world": "sandbox",
                "state": "review_pending" if is_open else "posted",
                "version": 9,
                "revision": 1,
                "caption": "words",
                "video_sha256": f"{index:064x}",
                "storage_path": f"{channel}-{day}",
                "created_at": at,
                "updated_at": at,
                "completed_at": at,
                "review_deadline_at": now + timedelta(days=2),
            }
        )
        (root / "content" / f"{channel}-{day}" / ".pipeline").mkdir(parents=True)
    settings = load_settings(root)
    with open_catalog(settings.catalog) as catalog, catalog.write() as connection:
        connection.execute(insert(content), rows)
        acts = [
            {
                "content_id": row["id"],
                "kind": kind,
                "target": "x",
                "sequence": sequence,
                "fingerprint": "f",
                "channel": row["channel"],
                "day": row["day"],
                "layer": "video",
                "world": "sandbox",
                "state": "confirmed",
                "request": {},
                "handle": {},
                "result": {},
                "reserved_usd": Decimal("0.1"),
                "settled_usd": Decimal("0.1"),
                "spent_on": row["day"],
                "created_at": row["created_at"],
                "sent_at": row["created_at"],
            }
            for row in rows
            for kind, sequence in (("segment", 1), ("segment", 2), ("segment", 3), ("llm", 1), ("llm", 2), ("post", 1))
            if kind != "post" or row["state"] == "posted"
        ]
        posts = [number for number, act in enumerate(acts, start=1) if act["kind"] == "post"]
        connection.execute(insert(effects), acts)
        posted = [row for row in rows if row["state"] == "posted"]
        connection.execute(
            insert(decisions),
            [
                {
                    "content_id": row["id"],
                    "verdict": "approved",
                    "revision": 1,
                    "video_sha256": row["video_sha256"],
                    "caption": "words",
                    "fields": {},
                    "decided_by": "ana",
                    "via": "cli",
                    "decided_at": row["created_at"],
                }
                for row in posted
            ],
        )
        connection.execute(
            insert(platform_posts),
            [
                {
                    "content_id": row["id"],
                    "platform": "outbox",
                    "account": "outbox",
                    "effect_id": posts[number],
                    "decision_id": number + 1,
                    "state": "posted",
                    "video_sha256": row["video_sha256"],
                    "updated_at": row["created_at"],
                }
                for number, row in enumerate(posted)
            ],
        )
    return settings


def measure(root: Path, contents: int, rounds: int) -> dict[str, float]:
    """Return milliseconds per tick of each sensor, and from a decision to the run that is asked for."""
    import dagster as dg

    from dayreel.services.project import open_project
    from dayreel.services.reviewing.decide import decide
    from pipeline_assets.definitions import build_defs
    from resources.project import ProjectResource
    from tests.fakes.project import reviewable

    settings = make_project(root, contents)
    repository = build_defs(settings).get_repository_def()
    cursors = {"decision_recorded_sensor": str(10**9), "marker_found_sensor": "{}"}
    results: dict[str, float] = {}
    with dg.DagsterInstance.ephemeral() as instance:

        def tick(name: str, cursor: str | None) -> Any:
            context = dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                repository_def=repository,
                resources={"project": ProjectResource(root=str(root))},
            )
            return repository.get_sensor_def(name).evaluate_tick(context)

        for name in SENSORS:
            assert not tick(name, cursors.get(name)).run_requests, name
            results[name] = _median_cpu_ms(partial(tick, name, cursors.get(name)), rounds)
        project = open_project(settings, actor="ana")
        today = reviewable(project, name="channel_0")
        last = contents - CHANNELS * OPEN_DAYS
        begun = time.perf_counter()
        decide(project, today.id, "approved", by="ana", via="cli")
        assert len(tick("decision_recorded_sensor", str(last)).run_requests) == 1
        assert len(tick("post_due_sensor", None).run_requests) == 1
        results["decision to both runs asked for"] = (time.perf_counter() - begun) * 1000
        project.catalog.close()
    return results


def _median_cpu_ms(act: Callable[[], Any], rounds: int) -> float:
    times: list[float] = []
    for _ in range(rounds):
        begun = time.process_time()
        act()
        times.append((time.process_time() - begun) * 1000)
    return statistics.median(times)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    results: dict[int, dict[str, float]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            results[size] = measure(Path(folder) / "project", size, options.rounds)
    smallest, largest = SIZES[0], SIZES[-1]
    missed = [
        name
        for name in SENSORS
        if results[largest][name] > BAR_MS or results[largest][name] > BAR_FLAT * max(results[smallest][name], 1.0)
    ]
    if options.as_json:
        print(json.dumps({"ms": results, "missed": missed}, indent=2))
        return 1 if missed else 0
    print(
        "| ms per tick, nothing new | " + " | ".join(f"{size:,} contents" for size in SIZES) + " | largest/smallest |"
    )
    print("|---|" + "---|" * (len(SIZES) + 1))
    for name in results[largest]:
        ratio = results[largest][name] / results[smallest][name]
        print(f"| {name} | " + " | ".join(f"{results[size][name]:.1f}" for size in SIZES) + f" | {ratio:.2f} |")
    verdict = "missed by " + ", ".join(missed) if missed else "held"
    print(f"\nBar: {BAR_MS:.0f} ms, and {BAR_FLAT} times at the most: {verdict}.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
