"""What every tick needs: which days are partitions, told without listing them all."""

import dagster as dg


class KnownDays:
    """The days that are partitions. Asked one by one: listing ten years of them takes longer than a tick may."""

    def __init__(self, partitions: dg.DailyPartitionsDefinition) -> None:
        """Keep the definition."""
        self._partitions = partitions

    def __contains__(self, day: object) -> bool:
        """Return whether `day` (YYYY-MM-DD) is a partition now; an unknown key would fail the whole tick."""
        return isinstance(day, str) and self._partitions.has_partition_key(day)
