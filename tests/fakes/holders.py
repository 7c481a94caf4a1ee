"""Processes that hold something in a catalog without running: of another machine, boot or PID namespace."""

import time

from sqlalchemy import Connection, insert

from dayreel.processes import boot_id
from dayreel.stores.catalog.tables import holders

ELSEWHERE = "another-host:1:1.00"


def beat_elsewhere(connection: Connection, owner: str = ELSEWHERE, *, ago_s: float = 0) -> None:
    """Let a process of another machine have been heard of; of a SQLite catalog."""
    connection.execute(insert(holders).values(owner=owner, boot=boot_id(), beat_s=time.monotonic() - ago_s))
