"""What OpenAI bills: `GET /v1/organization/costs`, which takes admin keys alone.

https://platform.openai.com/docs/api-reference/usage/costs, read on 2026-12-01: buckets of one UTC day from Unix
seconds, `amount.value` in dollars. Grouped by `line_item` a line is `<model>, input`, `<model>, output` and the like,
with the name of the model's dated snapshot.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from dayreel.providers.bills import dollars, midnight, read_bill, utc_day
from dayreel.providers.http import reveal
from dayreel.vendors.access import Access
from dayreel.vendors.record import Bill, Billed, Setting

BASE_URL: Final = "https://api.openai.com"
_KEY: Final = "OPENAI_ADMIN_KEY"
_PROJECT: Final = "OPENAI_BILL_PROJECT_ID"


def _read(access: Access, first: date, last: date) -> list[Billed]:
    key = reveal(access.secret(_KEY), name=_KEY)
    project = access.variable(_PROJECT)
    return read_bill(
        "OpenAI",
        access.url(BASE_URL, "/openai") + "/v1/organization/costs",
        {
            "start_time": int(midnight(first).timestamp()),
            "end_time": int(midnight(last + timedelta(days=1)).timestamp()),
            "bucket_width": "1d",
            "group_by": "line_item",
            "limit": 31,
            **({"project_ids": project} if project else {}),
        },
        headers={"Authorization": f"Bearer {key}"},
        key=key,
        cursor=("page", "next_page"),
        lines=_lines,
        next_step=f"Make an admin key at platform.openai.com, Settings, Admin keys, and put it into {_KEY}.",
    )


def _lines(answer: Any) -> Iterator[Billed]:
    for bucket in answer["data"]:
        for row in bucket["results"]:
            model, _, _kind = str(row["line_item"]).partition(", ")
            usd = dollars(row["amount"]["value"], row["amount"]["currency"])
            yield Billed(utc_day(bucket["start_time"]), model, usd)


SETTINGS: Final = (
    Setting(
        _KEY,
        "platform.openai.com, Settings, Admin keys, to compare what is booked with what OpenAI bills",
        required=False,
        asked=False,
        sandbox="sandbox-openai-admin-key",
    ),
    Setting(
        _PROJECT,
        "project of OPENAI_API_KEY, where others use the account too: only its bill is compared",
        secret=False,
        required=False,
        asked=False,
    ),
)
BILL: Final = Bill(_KEY, _read)
