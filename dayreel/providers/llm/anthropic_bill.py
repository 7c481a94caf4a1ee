"""What Anthropic bills: `GET /v1/organizations/cost_report` of its Admin API, which takes admin keys alone.

https://platform.claude.com/docs/en/api/admin/cost_report.md, read on 2026-12-01: buckets of one UTC day; amounts are
decimal texts in cents; grouped by description each line names its model. There is no filter: a workspace is picked
here, and the default one has no id. Costs of the Priority Tier are not in it; individual accounts have no Admin API.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any, Final

from dayreel.providers.bills import dollars, midnight, read_bill, utc_day
from dayreel.providers.http import reveal
from dayreel.vendors.access import Access
from dayreel.vendors.record import Bill, Billed, Setting

BASE_URL: Final = "https://api.anthropic.com"
_KEY: Final = "ANTHROPIC_ADMIN_KEY"
_WORKSPACE: Final = "ANTHROPIC_BILL_WORKSPACE_ID"
_DEFAULT: Final = "default"
_CENTS: Final = 100


def _read(access: Access, first: date, last: date) -> list[Billed]:
    key = reveal(access.secret(_KEY), name=_KEY)
    return read_bill(
        "Anthropic",
        access.url(BASE_URL, "/anthropic") + "/v1/organizations/cost_report",
        {
            "starting_at": f"{midnight(first):%Y-%m-%dT%H:%M:%SZ}",
            "ending_at": f"{midnight(last + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}",
            "bucket_width": "1d",
            "group_by[]": ("description", "workspace_id"),
            "limit": 31,
        },
        headers={"x-api-key": key, "anthropic-version": "2023-06-01"},
        key=key,
        cursor=("page", "next_page"),
        lines=_lines_of(access.variable(_WORKSPACE)),
        next_step=f"Make an admin key at console.anthropic.com, Settings, Admin keys, and put it into {_KEY}.",
    )


def _lines_of(workspace: str | None) -> Callable[[Any], Iterator[Billed]]:
    def lines(answer: Any) -> Iterator[Billed]:
        for bucket in answer["data"]:
            for row in bucket["results"]:
                if workspace in (None, "", row["workspace_id"] or _DEFAULT):
                    # What is not tokens (a search, code that was run) has no model.
                    model = str(row["model"] or row["description"])
                    usd = dollars(row["amount"], row["currency"]) / _CENTS
                    yield Billed(utc_day(bucket["starting_at"]), model, usd)

    return lines


SETTINGS: Final = (
    Setting(
        _KEY,
        "console.anthropic.com, Settings, Admin keys, to compare what is booked with what Anthropic bills",
        required=False,
        asked=False,
        sandbox="sandbox-anthropic-admin-key",
    ),
    Setting(
        _WORKSPACE,
        "workspace of ANTHROPIC_API_KEY (or `default`), where others use the account too: only its bill is compared",
        secret=False,
        required=False,
        asked=False,
    ),
)
BILL: Final = Bill(_KEY, _read)
