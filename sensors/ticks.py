"""What ticks need: which days are partitions, decided without listing them all; which work has a run already."""

from collections.abc import Sequence

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


class KnownDays:
    """The days that are partitions. Asked one by one: listing ten years of them takes longer than a tick may."""

    def __init__(self, partitions: dg.DailyPartitionsDefinition) -> None:
        self._partitions = partitions

    def __contains__(self, day: object) -> bool:
        """Return whether `day` (YYYY-MM-DD) is a partition now; an unknown key would fail the whole tick."""
        return isinstance(day, str) and self._partitions.has_partition_key(day)


def without_unfinished(
    instance: dg.DagsterInstance, requests: Sequence[dg.RunRequest], *, same: Sequence[str]
) -> list[dg.RunRequest]:
    """Return the requests whose work has no run that waits or works already.

    Otherwise whatever is asked for once a turn would pile up in the queue of a machine that is slower than the turns.

    Args:
        same: the tags by which two runs do the same work.
    """
    if not requests:
        return []
    under_way = {
        tuple(run.tags.get(tag) for tag in same) for run in instance.get_runs(RunsFilter(statuses=_UNFINISHED))
    }
    return [request for request in requests if tuple(request.tags.get(tag) for tag in same) not in under_way]
