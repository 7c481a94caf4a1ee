"""Assembling the desk: `create_desk` puts routes, people, signing key, feed and the way to Dagster together."""

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date, datetime
from pathlib import Path

import httpx
from argon2 import PasswordHasher
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from dayreel.desk.callbacks import callback_routes
from dayreel.desk.dagster_proxy import DagsterProxy
from dayreel.desk.files import chart, docs, media
from dayreel.desk.live import POLL_S, Feed
from dayreel.desk.middleware import OwnHosts, SecurityHeaders
from dayreel.desk.pages import (
    calendar,
    content,
    follow,
    login,
    money,
    monitoring,
    morning,
    people,
    platform_accounts,
    queue,
    results,
    unknown,
)
from dayreel.desk.pages.page import NOTICES, PageHandler, PageRequest, page
from dayreel.desk.queue_cache import QueueCache
from dayreel.desk.state import DeskState, signing_key
from dayreel.errors import UsageError
from dayreel.queries.review import EVENTS, snapshot_text
from dayreel.rules.captions import MOST_CHARACTERS, UNIT_NAMES
from dayreel.rules.pricing import usd
from dayreel.rules.roles import Role
from dayreel.services.dagster_address import DagsterAddress
from dayreel.services.desk.consents import OpenConsents
from dayreel.services.desk.sessions import Sessions, Throttle
from dayreel.services.desk.users import Users
from dayreel.services.footage_hooks import DeskPages, footage_hooks
from dayreel.services.project import Project
from dayreel.services.upkeep.report_silences import SchedulerHealth
from dayreel.services.upkeep.start_work import start_command
from dayreel.vendors.registry import label_of

_HERE = Path(__file__).parent


def create_desk(
    project: Project,
    *,
    dagster: DagsterAddress | None = None,
    dagster_client: httpx.AsyncClient | None = None,
    hasher: PasswordHasher | None = None,
    start: Callable[[Project, Sequence[str], str], object] | None = None,
    scheduler_health: Callable[[], SchedulerHealth | None] = lambda: None,
    poll_s: float = POLL_S,
) -> Starlette:
    """Return the desk as an ASGI application; the project's catalog stays open as long as it runs.

    Args:
        dagster: where Dagster's web server answers, started with `--path-prefix /dagster`; None: not at all.
        dagster_client: what reaches it, for tests; default is a client of its own.
        hasher: argon2 with other costs, for tests.
        start: what starts a `dayreel` command beside the desk; default is a child process.
        scheduler_health: looks what Dagster is at; default is that nobody looks.
        poll_s: how often the catalog is looked at while somebody follows along.
    """
    settings = project.settings
    footage = _footage(project)
    desk = DeskState(
        project=project,
        users=Users(project.catalog, project.clock, hasher=hasher),
        sessions=Sessions(project.catalog, project.clock),
        logins=Throttle(project.clock),
        consents=OpenConsents(project.clock),
        queue_cache=QueueCache(project),
        feed=Feed(project, poll_s=poll_s),
        templates=_templates((_HERE / "templates", *([footage.templates] if footage else []))),
        notices={**NOTICES, **(footage.notices if footage else {})},
        more_pages=(footage.nav,) if footage else (),
        secret=signing_key(settings.var_dir),
        start=start or (lambda project, arguments, by: start_command(project, arguments, by=by)),
        scheduler_health=scheduler_health,
        dagster=dagster,
        public_url=settings.desk_url,
        trusted_header=settings.desk_trusted_header,
        trusted_proxies=settings.trusted_proxies,
    )
    dagster_proxy = DagsterProxy(desk, client=dagster_client)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await desk.feed.close()
        await dagster_proxy.close()

    app = Starlette(
        routes=_routes(desk, dagster_proxy, footage),
        middleware=[
            Middleware(SecurityHeaders, is_https=desk.is_https),
            Middleware(OwnHosts, settings=settings),
        ],
        exception_handlers={404: _lost(desk)},
        lifespan=lifespan,
    )
    app.state.desk = desk
    return app


def _routes(
    desk: DeskState, dagster_proxy: DagsterProxy, footage: DeskPages | None
) -> list[Route | Mount | WebSocketRoute]:
    def see(path: str, handler: PageHandler, role: Role | None = "viewer") -> Route:
        return Route(path, page(desk, handler, role=role), methods=["GET"])

    def act(path: str, handler: PageHandler, role: Role | None) -> Route:
        return Route(path, page(desk, handler, role=role), methods=["POST"])

    return [
        see("/", queue.queue),
        act("/approve", queue.approve_many, "reviewer"),
        see("/content/{content_id}", content.show),
        *(
            act(f"/content/{{content_id}}/{event}", content.decide_by(verdict), "reviewer")
            for verdict, event in EVENTS.items()
        ),
        act("/content/{content_id}/preview", content.preview, "viewer"),
        act("/content/{content_id}/waive", content.waive, "reviewer"),
        act("/content/{content_id}/regenerate", content.regenerate, "reviewer"),
        act("/content/{content_id}/retake", content.retake, "reviewer"),
        act("/content/{content_id}/retry", content.retry, "reviewer"),
        act("/content/{content_id}/publish", content.publish, "operator"),
        see("/calendar", calendar.calendar),
        see("/calendar/{channel}/{day}", calendar.day),
        act("/calendar/{channel}/{day}/pin", calendar.pin, "reviewer"),
        act("/calendar/{channel}/{day}/unpin", calendar.unpin, "reviewer"),
        act("/calendar/{channel}/{day}/make", calendar.make, "reviewer"),
        act("/calendar/{channel}/{day}/skip", calendar.skip, "reviewer"),
        act("/calendar/{channel}/{day}/unskip", calendar.unskip, "reviewer"),
        act("/calendar/{channel}/pause", calendar.pause, "operator"),
        act("/calendar/{channel}/resume", calendar.resume, "operator"),
        see("/money", money.money),
        see("/morning", morning.morning),
        see("/results", results.show_channel),
        see("/results/{content_id}", results.show_video),
        act("/switch", money.switch, "operator"),
        see("/unknown", unknown.unknown),
        act("/unknown/look", unknown.look_again, "operator"),
        act("/unknown/{effect_id:int}/found", unknown.found, "operator"),
        act("/unknown/{effect_id:int}/not-there", unknown.not_there, "operator"),
        *(_footage_routes(desk, footage) if footage else []),
        see("/media/{content_id}/{path:path}", media),
        see("/charts/{week}/{scope}/{name}.png", chart),
        see("/docs/{page:path}", docs),
        see("/renders/{content_id}", follow.Polls(desk.project).show),
        Route("/renders/{content_id}/events", follow.events(desk), methods=["GET"]),
        Route("/events", follow.events(desk), methods=["GET"]),
        see("/login", login.login_form, None),
        act("/login", login.login, None),
        see("/welcome/{token}", login.welcome_form, None),
        act("/welcome/{token}", login.welcome, None),
        act("/logout", login.logout, "viewer"),
        see("/account", people.account),
        act("/account/sessions/end", people.end_session, "viewer"),
        act("/account/password", people.change_password, "viewer"),
        act("/account/tokens", people.make_token, "viewer"),
        act("/account/tokens/revoke", people.revoke_token, "viewer"),
        see("/people", people.people, "admin"),
        act("/people", people.add_user, "admin"),
        act("/people/link", people.new_link, "admin"),
        act("/people/role", people.change_role, "admin"),
        act("/people/connect", people.connect_account, "admin"),
        act("/people/disconnect", people.disconnect_account, "admin"),
        act("/people/disable", people.disable_user, "admin"),
        act("/people/enable", people.enable_user, "admin"),
        see("/connect", platform_accounts.show_accounts, "admin"),
        act("/connect/{platform}", platform_accounts.ask_for_consent, "admin"),
        see("/connect/{platform}/callback", platform_accounts.come_back, "admin"),
        act("/connect/{platform}/keep", platform_accounts.keep_account, "admin"),
        Route("/healthz", _healthz, methods=["GET"]),
        see("/readyz", monitoring.ready, None),
        see("/metrics", monitoring.metrics),
        Route("/favicon.ico", _favicon, methods=["GET"]),
        Route("/favicon{rest:path}", _dagsters_favicon, methods=["GET"]),
        Mount("/callbacks", routes=callback_routes(desk.project)),
        Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
        Route("/dagster", _dagster, methods=["GET"]),
        WebSocketRoute("/dagster/{path:path}", dagster_proxy.websocket),
        Route("/dagster/{path:path}", dagster_proxy.http, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]),
    ]


def _footage(project: Project) -> DeskPages | None:
    hooks = footage_hooks(project.settings)
    return None if hooks is None else hooks.desk()


def _footage_routes(desk: DeskState, footage: DeskPages) -> list[Route]:
    return [
        Route(path, page(desk, handler, role=role), methods=[method]) for method, path, handler, role in footage.routes
    ]


def _lost(desk: DeskState) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what answers at an address that is none of the desk's: a page with a way back for people."""

    def not_found_page(page_request: PageRequest) -> Response:
        path = page_request.http.url.path
        raise UsageError(
            f"There is no page {path!r} here.", next_step="Perhaps the link is cut off; the queue is below."
        )

    show = page(desk, not_found_page, role=None)

    async def lost(request: Request, _error: Exception) -> Response:
        is_person = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        answer: Response = await show(request) if is_person else PlainTextResponse("Not Found\n", 404)
        return answer

    return lost


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _favicon(_request: Request) -> Response:
    return RedirectResponse("/static/icon.svg", 307)


async def _dagsters_favicon(request: Request) -> Response:
    # Dagster's pages ask for theirs at the root, whatever prefix they have.
    name = request.path_params["rest"]
    is_plain = name.replace("-", "").replace(".", "").isalnum()
    return RedirectResponse(f"/dagster/favicon{name}", 307) if is_plain else Response(status_code=404)


async def _dagster(_request: Request) -> Response:
    return RedirectResponse("/dagster/", 307)


@functools.cache
def _templates(folders: tuple[Path, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.lstrip_blocks = True
    environment.globals.update(most_caption=MOST_CHARACTERS)
    environment.filters.update(platform=label_of, unit=UNIT_NAMES.__getitem__)
    environment.filters.update(usd=usd, span=_span, iso=_iso, stamp=_stamp, day=_day)
    environment.filters.update(
        seen=snapshot_text, times=_times, words=_words, at=datetime.fromisoformat, lasts=_lasts, as_text=_as_text
    )
    return environment


def _words(text: str) -> str:
    return text.replace("_", " ")


def _times(factor: float) -> str:
    """Return a multiple in words: `1.8 times`."""
    return f"{factor:.2g} times" if factor < 10 else f"{factor:.0f} times"  # noqa: PLR2004


def _lasts(seconds: float) -> str:
    """Return a length of time in words: `40 s`, `12 min`, `3 h 5 min`."""
    minutes = round(seconds / 60)
    if seconds < 100:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004


def _as_text(value: object) -> str:
    """Return a fact of a document in words: lists with commas, what is nested as `name: value`."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_as_text(part)}" for name, part in value.items())
    return ", ".join(map(_as_text, value)) if isinstance(value, list) else str(value)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _span(moment: datetime, now: datetime) -> str:
    """Return how far off a moment is, in words: `3 h ago`, `in 20 min`."""
    seconds = (moment - now).total_seconds()
    size = abs(seconds)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if size >= length:
            return f"in {size // length:.0f} {unit}" if seconds > 0 else f"{size // length:.0f} {unit} ago"
    return "just now"
