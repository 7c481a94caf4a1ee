"""What is asked by machines that watch over the desk: whether it can work, and how much there is of everything.

`/healthz` and `/readyz` say nothing but yes or no, so they are open; `/metrics` names states and money, so it wants a
viewer's token.
"""

import logging

from starlette.responses import PlainTextResponse, Response

from dayreel.desk.pages.page import PageRequest
from dayreel.errors import StoreError
from dayreel.queries.gauges import gauges, require_catalog

_LOG = logging.getLogger("dayreel.desk")


def ready(request: PageRequest) -> Response:
    """Return 200 where the catalog can be read, else 503; why is in the log.

    Whether Dagster answers is not asked: a desk without it still takes decisions.
    """
    try:
        require_catalog(request.desk.project)
    except StoreError as error:
        _LOG.warning("not ready: %s", error)
        return PlainTextResponse("The catalog cannot be read.\n", 503)
    return PlainTextResponse("ready\n")


def metrics(request: PageRequest) -> Response:
    """Return every gauge in Prometheus' text format.

    Raises:
        StoreError: the catalog cannot be read.
    """
    from dayreel.desk.prometheus_text import CONTENT_TYPE, prometheus_text  # noqa: PLC0415  its client is slow to import

    return Response(prometheus_text(gauges(request.desk.project)), media_type=CONTENT_TYPE)
