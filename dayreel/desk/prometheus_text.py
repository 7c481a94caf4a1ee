"""Gauges in Prometheus' text format. Imported by the first that asks: its client costs as much as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from dayreel.queries.gauges import Gauge

CONTENT_TYPE = CONTENT_TYPE_LATEST


def prometheus_text(gauges: Sequence[Gauge]) -> bytes:
    """Return these gauges as a scrape wants them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(gauges))
    return generate_latest(registry)


@dataclass(frozen=True, eq=False)
class _Gauges(Collector):
    gauges: Sequence[Gauge]

    def collect(self) -> Iterator[Metric]:
        for gauge in self.gauges:
            labels = list(gauge.samples[0][0]) if gauge.samples else []
            family = GaugeMetricFamily(gauge.name, gauge.about, labels=labels)
            for values, number in gauge.samples:
                family.add_metric([values[label] for label in labels], number)
            yield family
