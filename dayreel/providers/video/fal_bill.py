"""What fal bills: `GET /models/usage` of its Platform APIs, which takes keys of the ADMIN scope alone.

https://fal.ai/docs/platform-apis/v1/models/usage and the OpenAPI schema it is made from, read on 2026-12-01: per day
and endpoint quantity, unit price and `cost_total`, the amount charged after discounts; `api_key_id` filters by key.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from dayreel.providers.bills import dollars, midnight, read_bill, utc_day
from dayreel.providers.http import reveal
from dayreel.vendors.access import Access
from dayreel.vendors.record import Bill, Billed, Setting

API_URL: Final = "https://api.fal.ai/v1/"
_KEY: Final = "FAL_ADMIN_KEY"
_ONE_KEY: Final = "FAL_BILL_KEY_ID"


def _read(access: Access, first: date, last: date) -> list[Billed]:
    key = reveal(access.secret(_KEY), name=_KEY)
    one_key = access.variable(_ONE_KEY)
    return read_bill(
        "fal",
        access.url(API_URL, "/fal/api/") + "models/usage",
        {
            "start": f"{midnight(first):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{midnight(last + timedelta(days=1)):%Y-%m-%dT%H:%M:%SZ}",  # exclusive
            "timezone": "UTC",
            "timeframe": "day",
            "bound_to_timeframe": "false",  # these are whole days already
            "expand": "time_series",
            "limit": 100,
            **({"api_key_id": one_key} if one_key else {}),
        },
        headers={"Authorization": f"Key {key}"},
        key=key,
        cursor=("cursor", "next_cursor"),
        lines=_lines,
        next_step=f"Make a key of the ADMIN scope in the fal.ai dashboard, Keys, and put it into {_KEY}.",
    )


def _lines(answer: Any) -> Iterator[Billed]:
    for bucket in answer["time_series"]:
        for row in bucket["results"]:
            usd = dollars(row["cost_total"], row["currency"])
            yield Billed(utc_day(bucket["bucket"]), str(row["endpoint_id"]), usd)


SETTINGS: Final = (
    Setting(
        _KEY,
        "fal.ai dashboard, Keys: one of the ADMIN scope, to compare what is booked with what fal bills",
        required=False,
        asked=False,
        sandbox="sandbox-fal-admin-id:sandbox-fal-admin-secret",
    ),
    Setting(
        _ONE_KEY,
        "id of the key in FAL_KEY, where others on the account have keys of their own: only its bill is compared",
        secret=False,
        required=False,
        asked=False,
    ),
)
BILL: Final = Bill(_KEY, _read)
