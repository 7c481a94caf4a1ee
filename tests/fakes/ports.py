"""Ports for servers that tests start as processes of their own: another range for each worker, so that none collide."""

import os
import random
import socket

FIRST, PER_WORKER = 20000, 1500  # below the range from which the system itself hands ports out


def free_port() -> int:
    """Return a port nobody listens on, from this test worker's own range."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST + PER_WORKER * (worker % 8)
    for port in random.sample(range(first, first + PER_WORKER), PER_WORKER):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError(f"no port is free between {first} and {first + PER_WORKER}")
