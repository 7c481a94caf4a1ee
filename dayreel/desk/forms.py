"""Reading what a browser posts: within a size, as one kind of form, from our own pages only.

Every POST of the desk goes through `read_form` and `require_csrf`; nothing else reads a body, but the front door.
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import HTTPConnection, Request

from dayreel.desk.middleware import USE_OWN_PAGES
from dayreel.desk.sessions import is_csrf_token, is_same_origin, login_nonce
from dayreel.desk.state import DeskState
from dayreel.errors import GateClosedError, UsageError
from dayreel.services.desk.sessions import Visitor

MOST_BYTES = 256 * 1024
BODY_DEADLINE_S = 60.0
_MOST_FIELDS = 500
_FORM = "application/x-www-form-urlencoded"

Form = Mapping[str, Sequence[str]]


class OversizedError(UsageError):
    """A body is larger than anything the desk's pages send."""


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read a body, and stop as soon as it is too large.

    Raises:
        OversizedError: it is larger than `most_bytes`.
        UsageError: it did not come within a minute.
    """
    parts: list[bytes] = []
    size = 0
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > most_bytes:
        raise OversizedError(f"A body of {announced} bytes is too large here.", next_step=f"Send at most {most_bytes}.")
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise OversizedError("The body is too large.", next_step=f"Send at most {most_bytes} bytes.")
                parts.append(part)
    except TimeoutError:
        raise UsageError(
            f"Only {size} bytes came within {BODY_DEADLINE_S:.0f} s.", next_step="Nothing was done; send it again."
        ) from None
    return b"".join(parts)


async def read_form(request: Request) -> Form:
    """Read an ordinary form.

    Raises:
        OversizedError: it is larger than any of ours.
        UsageError: it is not an ordinary form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request, MOST_BYTES)
    if kind != _FORM:
        if not body:
            return {}
        raise UsageError(f"A body of type {kind!r} is not read here.", next_step=f"Send {_FORM}.")
    try:
        form = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise UsageError(f"The form cannot be read: {error}.", next_step="Send it as the page does.") from None
    if any("\0" in value for values in form.values() for value in values):  # PostgreSQL keeps no such text
        raise UsageError("The form holds a NUL character.", next_step="Send it as the page does.")
    return form


def require_csrf(desk: DeskState, connection: HTTPConnection, visitor: Visitor | None, form: Form) -> None:
    """Let a posted form pass when it comes from our own page; a script's bearer token is proof enough.

    Raises:
        GateClosedError: another site sent it, or its page was made for another session.
    """
    if visitor is not None and visitor.how == "token":
        return
    if not is_same_origin(desk, connection):
        raise GateClosedError("Another site sent this form.", next_step=USE_OWN_PAGES)
    if not is_csrf_token(desk, visitor, login_nonce(desk, connection), value_of(form, "csrf")):
        raise GateClosedError(
            "This form belongs to another session, or cookies are off.",
            next_step="Nothing was done. Load the page again and repeat it.",
        )


def value_of(form: Form, name: str) -> str:
    """Return a field's value, or an empty string."""
    values = form.get(name, ())
    return values[0] if values else ""
