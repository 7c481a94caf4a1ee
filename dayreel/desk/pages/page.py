"""What all pages have in common: checking who asks, reading the form, rendering a template, showing an error."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from dayreel.atomic_write import full_disk_reported
from dayreel.desk import sessions
from dayreel.desk.forms import Form, OversizedError, read_form, require_csrf, value_of
from dayreel.desk.state import DeskState
from dayreel.errors import (
    BusyError,
    ConfigurationError,
    DayreelError,
    DiskFullError,
    GateClosedError,
    ProviderError,
    StaleState,
    StoreError,
    UsageError,
)
from dayreel.queries.alarms import alarms
from dayreel.rules.roles import Role, may
from dayreel.services.audit import note_act
from dayreel.services.desk.sessions import Visitor
from dayreel.services.footage_hooks import footage_hooks
from dayreel.services.project import Project

# What a page says after a redirect; fixed words, so that no link can put others into the desk's mouth.
NOTICES = {
    "approved": "Approved. It goes out in the channel's next window.",
    "rejected": "Rejected.",
    "edited": "Saved. It waits for approval as it is now.",
    "endorsed": "Your approval is recorded. It takes another person's before it goes out.",
    "held": "On hold: it does not go out and does not expire until somebody decides again.",
    "recalled": "Recalled: it waits for review again.",
    "waived": "The check is waived in your name. The video still waits for approval.",
    "pinned": "Idea pinned.",
    "unpinned": "Pin removed.",
    "paused": "Channel paused: nothing is started, bought or posted.",
    "resumed": "Channel resumed.",
    "regenerating": "The segment is being made again; the final video is then composed from it.",
    "making": "The day's video is being made.",
    "skipped": "Day skipped.",
    "unskipped": "Day no longer skipped.",
    "publishing": "Publishing: every gate is checked before it is sent.",
    "retaking": "Another take of the day is being made.",
    "continuing": "It goes on from where it stopped; what is done and paid is kept.",
    "switched-off": "Kill switch turned: nothing is bought and nothing is posted.",
    "switched-on": "Kill switch turned: buying and posting are allowed again.",
    "resolved": "Recorded, with your name.",
    "session-ended": "Session ended.",
    "token-revoked": "Token revoked.",
    "user-disabled": "User disabled: all their sessions and tokens have ended.",
    "role-changed": "Role changed; sessions of that user have ended, so they log in again.",
    "account-connected": "Account connected.",
    "account-disconnected": "Account disconnected.",
    "platform-connected": "Account connected. What runs from now on uses it; start `dayreel up` again soon.",
    "password-changed": "Password changed. Log in with the new one.",
    "user-enabled": "User enabled: they may log in again.",
    "logged-out": "You are logged out.",
}


@dataclass(frozen=True)
class PageRequest:
    """One request to a page.

    Attributes:
        who: None only on the pages that are open to everybody.
    """

    desk: DeskState
    http: Request
    who: Visitor | None
    form: Form

    @property
    def person(self) -> Visitor:
        """Whoever is here, on pages where somebody must be."""
        if self.who is None:
            raise GateClosedError("Nobody is logged in.", next_step="Log in, then try again.")
        return self.who

    @property
    def project(self) -> Project:
        """The project, with this person as the one who works."""
        return replace(self.desk.project, actor=self.person.name)

    @property
    def via(self) -> str:
        """What the record says about where an act came from."""
        return "api" if self.person.how == "token" else "desk"

    @property
    def wants_json(self) -> bool:
        """Whether a program asks."""
        accepted = self.http.headers.get("accept", "")
        return accepted.startswith("application/json") or (self.who is not None and self.who.how == "token")

    @property
    def csrf(self) -> str:
        """The token that this person's forms carry."""
        return sessions.csrf_token(self.desk, self.who, sessions.login_nonce(self.desk, self.http))

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.http.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """Return a parameter of the address."""
        return self.http.query_params.get(name, default)

    def field(self, name: str) -> str:
        """Return a field of the form, or an empty string."""
        return value_of(self.form, name)

    def note(self, act: str, target: str) -> None:
        """Leave a line in the record of acts: this person did `act` to `target`, now."""
        with self.desk.project.catalog.write() as connection:
            at = self.desk.project.clock.now()
            note_act(connection, act, target, actor=self.person.name, at=at, via=self.via)

    def may(self, role: Role) -> bool:
        """Return whether this person may do what `role` may."""
        return self.who is not None and may(self.who.role, role)

    def show(self, template: str, *, status: int = 200, **shown: Any) -> Response:
        """Return a page."""
        text = self.desk.templates.get_template(template).render(
            request=self,
            who=self.who,
            csrf=self.csrf,
            now=self.desk.project.clock.now(),
            notice=self.desk.notices.get(self.query("done")),
            world=self.desk.project.settings.world,
            preset=self.desk.queue_cache.preset(),
            alarms=None if self.who is None else alarms(self.desk.project),
            questions=None if self.who is None else self._questions(),
            has_dagster=self.desk.dagster is not None,
            **shown,
        )
        return Response(text, status, media_type="text/html; charset=utf-8")

    def _questions(self) -> int | None:
        """Return how many questions about own footage wait for a person; None where there is no shared folder."""
        footage = footage_hooks(self.desk.project.settings)
        if footage is None:
            return None
        with self.desk.project.catalog.read() as connection:
            return footage.waiting(connection)

    def done(self, where: str, notice: str, **details: Any) -> Response:
        """Redirect to a page after an act, or return its result to a program as JSON."""
        if self.wants_json:
            return JSONResponse({"done": notice, **details})
        return RedirectResponse(f"{where}{'&' if '?' in where else '?'}{urlencode({'done': notice})}", 303)


PageHandler = Callable[[PageRequest], Response]


def page(desk: DeskState, handler: PageHandler, *, role: Role | None = "viewer") -> Callable[[Request], Any]:
    """Return an endpoint that calls `handler` for people of `role` and above; None: for everybody.

    Handlers work with the catalog, so they run in a thread; POSTs reach them only with a form of our own.
    """

    async def endpoint(request: Request) -> Response:
        page_request = PageRequest(desk, request, None, {})
        try:
            page_request = replace(page_request, who=await run_in_threadpool(sessions.identify, desk, request))
            # Nothing of a body is read for somebody who may not act here.
            refusal = _refusal(page_request, role)
            if refusal is not None:
                return refusal
            if request.method == "POST":
                form = await read_form(request)
                # A body takes as long as its sender likes: whoever was disabled meanwhile, or lost a role, is refused.
                who = await run_in_threadpool(sessions.identify, desk, request)
                page_request = replace(page_request, who=who, form=form)
                refusal = _refusal(page_request, role)
                if refusal is not None:
                    return refusal
                require_csrf(desk, request, page_request.who, page_request.form)
            with full_disk_reported():
                return await run_in_threadpool(handler, page_request)
        except DayreelError as error:
            return await run_in_threadpool(partial(show_error, page_request, error))

    return endpoint


def _refusal(page_request: PageRequest, role: Role | None) -> Response | None:
    if role is None:
        return None
    if page_request.who is None:
        # Only a page that a person opens redirects to the login; a program gets a plain 401.
        if page_request.http.method == "GET" and "text/html" in page_request.http.headers.get("accept", ""):
            wanted = page_request.http.url.path + (
                f"?{page_request.http.url.query}" if page_request.http.url.query else ""
            )
            return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303)
        return JSONResponse({"error": "Nobody is logged in."}, 401, headers={"www-authenticate": "Bearer"})
    if not page_request.may(role):
        raise GateClosedError(
            f"This takes the role {role}, and {page_request.who.name!r} is {page_request.who.role}.",
            next_step="Ask an admin of this desk.",
        )
    return None


def show_error(page_request: PageRequest, error: DayreelError, **shown: Any) -> Response:
    """Return an error as a page, or as JSON for programs, with the status that says what kind it is."""
    status = status_code(error, page_request.http.method)
    if page_request.wants_json:
        return JSONResponse({"error": error.message, "next_step": error.next_step}, status)
    try:
        return page_request.show("error.html", status=status, error=error, **{"draft": None, "back": None, **shown})
    except StoreError:  # the page itself asks the catalog, which may be what is wrong
        return Response(f"{error}\n", status, media_type="text/plain; charset=utf-8")


def status_code(error: DayreelError, method: str) -> int:
    """Return the HTTP status that says what kind of error it is."""
    known: tuple[tuple[type[DayreelError], int], ...] = (
        (OversizedError, 413),
        (UsageError, 404 if method in ("GET", "HEAD") else 400),
        (StaleState, 409),
        (BusyError, 409),
        (GateClosedError, 403),
        (ProviderError, 502),
        (ConfigurationError, 503),
        (DiskFullError, 507),
    )
    return next((status for kind, status in known if isinstance(error, kind)), 503)
