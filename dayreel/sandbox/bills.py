"""What the stand-ins bill, as their vendors report it: from their own books, `SandboxWorld.bill`, by UTC day and model.

Like the vendors they refuse the key that makes things. Pages are smaller than what is asked for, which all of them may
do, so that whoever does not read on misses days.
"""

import base64
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from dayreel.sandbox import credentials
from dayreel.sandbox.wire import Call, Handler, Refused
from dayreel.sandbox.world import Document, SandboxWorld

PAGE: Final = 2
"""So many days, or rows at fal, are on a page at most."""
WORKSPACE: Final = "wrkspc_sandbox"
PROJECT: Final = "proj_sandbox"
FAL_KEY_ID: Final = "sandbox-fal-id"
_CENTS: Final = 100
Error = Callable[..., Response]
"""How a vendor refuses: status, message, and what else its own file knows."""


def fal_usage(vendor: str) -> Handler:
    """Return what answers `GET /v1/models/usage`, grouped by day."""

    async def usage(call: Call) -> Response:
        query = call.request.query_params
        if call.bearer("Key") != credentials.FAL_ADMIN_KEY:
            is_known = call.bearer("Key") == credentials.FAL_KEY
            message = "Admin API key required" if is_known else "Authentication required"
            error = {"error": {"type": "authorization_error", "message": message}}
            raise Refused(JSONResponse(error, 403 if is_known else 401))
        since, until = _moment(query.get("start")), _moment(query.get("end"))
        problem = (
            "start and end must be ISO 8601 dates" if since is None or until is None
            else "timeframe is not supported here" if query.get("timeframe") != "day"
            else "expand must include time_series" if "time_series" not in query.get("expand", "time_series") else ""
        )  # fmt: skip
        if problem:
            raise Refused(JSONResponse({"error": {"type": "validation_error", "message": problem}}, 400))
        assert since is not None and until is not None  # noqa: S101, PT018  looked at just above
        wanted = query.get("api_key_id", FAL_KEY_ID).split(",")
        billed = _billed(call.world, vendor, since, until) if FAL_KEY_ID in wanted else {}
        rows = [
            (day, _usage_of(model, items)) for (day, model), items in sorted(billed.items(), key=lambda item: item[0])
        ]
        shown, following = _page(rows, query.get("cursor"))
        series = [{"bucket": f"{day}T00:00:00+00:00", "results": [row]} for day, row in shown]
        return JSONResponse({"time_series": series, "next_cursor": following, "has_more": following is not None})

    return usage


def cost_report(vendor: str, error: Error) -> Handler:
    """Return what answers `GET /v1/organizations/cost_report`."""

    async def report(call: Call) -> Response:
        query, headers = call.request.query_params, call.request.headers
        if headers.get("x-api-key") != credentials.ANTHROPIC_ADMIN_KEY:
            raise Refused(error(401, "invalid x-api-key"))
        since, until = _moment(query.get("starting_at")), _moment(query.get("ending_at"))
        if not headers.get("anthropic-version"):
            raise Refused(error(400, "anthropic-version: header is required"))
        if since is None or query.get("bucket_width", "1d") != "1d":
            raise Refused(error(400, "starting_at: Field required, and bucket_width is 1d"))
        groups = query.getlist("group_by[]")

        def line(model: str, item: Document, kind: str) -> Document:
            by_description = "description" in groups
            return {
                "amount": str(_part(item, kind) * _CENTS), "currency": "USD",
                "workspace_id": WORKSPACE if "workspace_id" in groups else None,
                "model": model if by_description else None,
                "description": f"{model} Usage - {kind.capitalize()} Tokens" if by_description else None,
                "cost_type": "tokens" if by_description else None,
            }  # fmt: skip

        days = _days(call.world, vendor, since, until, line)
        shown, following = _page(days, query.get("page"))
        data = [
            {"starting_at": _iso(day), "ending_at": _iso(day + timedelta(days=1)), "results": rows}
            for day, rows in shown
        ]
        return JSONResponse({"data": data, "has_more": following is not None, "next_page": following})

    return report


def costs(vendor: str, error: Error) -> Handler:
    """Return what answers `GET /v1/organization/costs`."""

    async def report(call: Call) -> Response:
        query = call.request.query_params
        if call.bearer() == credentials.OPENAI_API_KEY:
            message = "You have insufficient permissions for this operation. Missing scopes: api.usage.read."
            raise Refused(error(403, message))
        if call.bearer() != credentials.OPENAI_ADMIN_KEY:
            raise Refused(error(401, "Incorrect API key provided.", code="invalid_api_key"))
        since, until = _unix(query.get("start_time")), _unix(query.get("end_time"))
        if since is None:
            message = "Missing required parameter: 'start_time'."
            raise Refused(error(400, message, code="missing_required_parameter"))
        by_item = "line_item" in (*query.getlist("group_by"), *query.getlist("group_by[]"))
        projects = (*query.getlist("project_ids"), *query.getlist("project_ids[]"))

        def line(model: str, item: Document, kind: str) -> Document:
            return {
                "object": "organization.costs.result",
                "amount": {"value": float(_part(item, kind)), "currency": "usd"},
                "line_item": f"{model}, {kind}" if by_item else None,
                "project_id": None,
            }

        is_asked = not projects or PROJECT in projects
        days = _days(call.world, vendor, since, until, line if is_asked else None)
        shown, following = _page(days, query.get("page"))
        data = [
            {
                "object": "bucket",
                "start_time": _seconds(day),
                "end_time": _seconds(day + timedelta(days=1)),
                "results": rows,
            }
            for day, rows in shown
        ]
        return JSONResponse({"object": "page", "data": data, "has_more": following is not None, "next_page": following})

    return report


# -- the books ----------------------------------------------------------------------------------------------


def _billed(
    world: SandboxWorld, vendor: str, since: datetime, until: datetime | None
) -> dict[tuple[date, str], list[Document]]:
    """Return what a vendor has made and charges for in that time, by UTC day and model."""
    billed: dict[tuple[date, str], list[Document]] = defaultdict(list)
    for item in world.store.all("generation"):
        made_at = datetime.fromisoformat(item["created_at"]).astimezone(UTC)
        if item["vendor"] == vendor and item["billed"] and since <= made_at < (until or world.now()):
            billed[made_at.date(), item["model"]].append(item)
    return billed


def _days(
    world: SandboxWorld,
    vendor: str,
    since: datetime,
    until: datetime | None,
    line: Callable[[str, Document, str], Document] | None,
) -> list[tuple[date, list[Document]]]:
    """Return a bucket for every day that has begun, without lines where nothing was billed."""
    last = min(until or world.now(), world.now())
    days: dict[date, list[Document]] = {}
    moment = since.replace(hour=0, minute=0, second=0, microsecond=0)
    while moment < last:
        days[moment.date()] = []
        moment += timedelta(days=1)
    for (day, model), items in _billed(world, vendor, since, until).items():
        if line is not None:
            days[day] += [line(model, item, kind) for item in items for kind in ("input", "output")]
    return list(days.items())


def _part(item: Document, kind: str) -> Decimal:
    """Return what the tokens of a kind cost; what an answer's input cost stands in the books beside the whole."""
    given = Decimal(item["input_usd"])
    return given if kind == "input" else Decimal(item["cost_usd"]) - given


def _usage_of(model: str, items: list[Document]) -> Document:
    cost = sum((Decimal(item["cost_usd"]) for item in items), Decimal(0))
    seconds = sum(item["duration_s"] for item in items)
    return {
        "endpoint_id": model, "unit": "second", "quantity": seconds, "unit_price": float(cost / seconds),
        "percent_discount": None, "cost_subtotal": float(cost), "cost_discount": 0, "cost_total": float(cost),
        "cost": float(cost), "currency": "USD",
    }  # fmt: skip


def _page(rows: list[Any], cursor: str | None) -> tuple[list[Any], str | None]:
    start = int(base64.b64decode(cursor)) if cursor else 0
    following = base64.b64encode(str(start + PAGE).encode()).decode() if start + PAGE < len(rows) else None
    return rows[start : start + PAGE], following


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unix(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text and text.isdigit() else None


def _iso(day: date) -> str:
    return f"{day}T00:00:00Z"


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
