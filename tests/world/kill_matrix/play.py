"""Deals seeds out to a few workers, each with its own sandbox world, and gathers what became of them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.world.kill_matrix.report import Report, Result

PROJECT = Path(__file__).parents[3]
IN_MEMORY = Path("/dev/shm")  # a killed process does not lose what the system has taken, so no disk is needed


def play(
    seeds: Sequence[int],
    *,
    workers: int = 1,
    postgres: str | None = None,
    has_hosts: bool = False,
    report_one: Callable[[], None] = lambda: None,
) -> Report:
    """Play seeds in processes of their own.

    Args:
        postgres: a PostgreSQL server to make catalogs on, instead of SQLite.
        has_hosts: each process is one of another host, whose leases end by themselves.
        report_one: called after each seed, in a thread of its worker.
    """
    started = time.monotonic()
    results: list[Result] = []
    checkpoints = [0]
    folder = Path(tempfile.mkdtemp(prefix="dayreel-kills-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    (folder / "media").mkdir()

    def work(index: int) -> None:
        command = [sys.executable, "-m", "tests.world.kill_matrix.worker", str(folder / f"worker{index}")]
        command += [str(folder / "media"), postgres or "-", ",".join(map(str, seeds[index::workers]))]
        command += ["hosts"] if has_hosts else []
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                document = json.loads(line)
                if "checkpoints" in document:
                    checkpoints.append(document["checkpoints"])
                else:
                    results.append(Result(**document))
                    report_one()
        if process.returncode:
            raise RuntimeError(f"A worker of the kill matrix ended with exit code {process.returncode}; see above.")

    workers = min(workers, len(seeds))
    try:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    results.sort(key=lambda result: result.seed)
    return Report(
        results, len(seeds), max(checkpoints), time.monotonic() - started, "postgres" if postgres else "sqlite"
    )
