"""The daily mart against its bars: `python -m bench.engagement`.

10,000 posts, and 365 days of snapshots of every one of them (3.65 million rows) in a SQLite catalog: the mart of the
newest day, from the catalog to the Parquet file, takes at most 2 s of processor time, and building it over a year of
history takes no more memory than over 40 days. Each history is measured in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

LONGEST_S = 2.0
MOST_MEMORY_RATIO = 1.15
SHORT_DAYS = 40
DAY = date(2026, 11, 20)


def main() -> None:
    """Measure, print a table and end with code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--one", type=int, help="measure one history of so many days, for the bench itself")
    arguments = parser.parse_args(sys.argv[1:] if sys.argv[0].endswith("engagement.py") else [])
    if arguments.one is not None:
        print(json.dumps(measure(arguments.posts, arguments.one)))
        return
    results = {days: _in_a_process(arguments.posts, days) for days in (SHORT_DAYS, arguments.days)}
    short, long = results[SHORT_DAYS], results[arguments.days]
    ratio = long["memory_mb"] / short["memory_mb"]
    for days, result in results.items():
        print(f"{arguments.posts} posts x {days:3} days: {result['cpu_s']:.2f} s CPU, {result['wall_s']:.2f} s, "
              f"{result['memory_mb']:.0f} MB, {result['rows']} rows")  # fmt: skip
    held = long["cpu_s"] <= LONGEST_S and ratio <= MOST_MEMORY_RATIO and long["rows"] == arguments.posts
    print(
        f"memory of a year against {SHORT_DAYS} days: {ratio:.2f} (bar {MOST_MEMORY_RATIO}); "
        f"bar of the day: {LONGEST_S} s"
    )
    print("held" if held else "MISSED")
    if not held:
        raise SystemExit(1)


def _in_a_process(posts: int, days: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.engagement", "--posts", str(posts), "--one", str(days)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def measure(posts: int, days: int) -> dict[str, float]:
    """Return seconds, memory and rows of one day's mart over a history of so many days."""
    from dayreel.clock import SystemClock
    from dayreel.marts.build import build_mart, mart_files
    from dayreel.services.project import Project
    from dayreel.settings import Settings
    from dayreel.stores.catalog.engine import open_catalog

    with tempfile.TemporaryDirectory(prefix="dayreel-bench-") as folder:
        settings = Settings(_env_file=None, root=Path(folder), world="sandbox")
        with open_catalog(settings.catalog) as catalog:
            fill(Path(settings.catalog.removeprefix("sqlite:///")), posts, days)
            project = Project(settings, SystemClock(), catalog)
            files = mart_files(project)
            build_mart(project, files, "engagement/daily", [(DAY - timedelta(days=400)).isoformat()])  # imports, caches
            wall, cpu = time.perf_counter(), time.process_time()
            (table,) = build_mart(project, files, "engagement/daily", [DAY.isoformat()]).values()
            files.write("engagement/daily", DAY.isoformat(), table)
            spent_s, cpu_s = time.perf_counter() - wall, time.process_time() - cpu
            memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            return {"wall_s": spent_s, "cpu_s": cpu_s, "memory_mb": memory_mb, "rows": table.num_rows}


def fill(path: Path, posts: int, days: int) -> None:
    """Write posts, each with one snapshot a day up to `DAY`, by SQL alone."""
    import sqlite3

    first, now = DAY - timedelta(days=days - 1), datetime(2026, 11, 1, 12, tzinfo=UTC).replace(tzinfo=None)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    moment = f"'{now.isoformat(sep=' ')}.000000'"
    with connection:
        connection.execute(
            f"{numbers} INSERT INTO content (id, channel, day, take, world, state, version, revision, storage_path, "
            f"created_at, updated_at) SELECT 'c-' || i, 'c', '2026-11-01', i, 'sandbox', 'posted', 1, 1, 'c', "
            f"{moment}, {moment} FROM n", [posts],
        )  # fmt: skip
        connection.execute(
            f"{numbers} INSERT INTO effects (id, content_id, kind, target, sequence, fingerprint, channel, day, layer, "
            "world, state, version, attempts, request, handle, result, reserved_usd, created_at) SELECT i, 'c-' || i, "
            f"'post', 'instagram', 1, 'f', 'c', '2026-11-01', 'distribution', 'sandbox', 'confirmed', 1, 1, '{{}}', "
            f"'{{}}', '{{}}', 0, {moment} FROM n", [posts],
        )  # fmt: skip
        connection.execute(
            f"{numbers} INSERT INTO decisions (id, content_id, verdict, revision, video_sha256, caption, fields, "
            f"decided_by, via, decided_at) SELECT i, 'c-' || i, 'approved', 1, 'x', 'c', '{{}}', 'ana', 'cli', "
            f"{moment} FROM n", [posts],
        )  # fmt: skip
        connection.execute(
            f"{numbers} INSERT INTO platform_posts (id, content_id, platform, account, effect_id, decision_id, state, "
            "post_id, video_sha256, posted_at, posted_on, updated_at) SELECT i, 'c-' || i, 'instagram', 'a', i, i, "
            f"'posted', 'p' || i, 'x', {moment}, '2026-11-01', {moment} FROM n", [posts],
        )  # fmt: skip
        for offset in range(days):
            day = first + timedelta(days=offset)
            connection.execute(
                f"{numbers} INSERT INTO metric_snapshots (post_row_id, content_id, platform, post_id, observed_at, "
                "observed_on, age_h, views, reach, likes, comments, shares, saves, watch_time_s, simulated) SELECT i, "
                f"'c-' || i, 'instagram', 'p' || i, '{day} 07:30:00.000000', '{day}', {24.0 * offset}, i + {offset}, "
                "i, i, i, i, i, i, 1 FROM n", [posts],
            )  # fmt: skip
    connection.close()


if __name__ == "__main__":
    main()
