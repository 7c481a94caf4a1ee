"""Buys the segments of several channels at the same moment, each in a process of its own, and prints why each stopped.

python -m tests.world.two_buyers PROJECT WORLD_URL CHANNEL...
"""

import json
import multiprocessing
import sys
from pathlib import Path

import fal_client  # noqa: F401  before the processes part: half a second of import

from dayreel.clock import local_day
from dayreel.errors import DayreelError
from dayreel.services.making.render_segments import render_segments
from tests.world.kill_matrix.child import Place

_FORK = multiprocessing.get_context("fork")


def buy(deployment: Path, world_url: str, name: str) -> str:
    """Buy one channel's segments; return why it stopped, or nothing."""
    project = Place(deployment, world_url, deployment).project(name)
    channel, source = project.channels.load(name), project.connect("fal")
    _everybody_is_there.wait(120)
    try:
        render_segments(project, channel, local_day(project.clock.now(), channel.timezone), source=source)
    except DayreelError as error:
        return str(error)
    finally:
        project.catalog.close()
    return ""


if __name__ == "__main__":
    deployment, world_url, *names = sys.argv[1:]
    _everybody_is_there = _FORK.Barrier(len(names))
    with _FORK.Pool(len(names)) as pool:
        sys.stdout.write(json.dumps(pool.starmap(buy, [(Path(deployment), world_url, name) for name in names], 1)))
