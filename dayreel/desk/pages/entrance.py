"""Coming in and going out: one-time links, logging in, logging out."""

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from dayreel.desk import sessions
from dayreel.desk.pages.frame import Visit
from dayreel.errors import BusyError, StaleState, UsageError


def own_path(text: str) -> str:
    """Return a path of the desk to go on to; whatever could lead elsewhere becomes the first page."""
    parts = urlsplit(text)
    is_plain = text.isprintable() and "\\" not in text and not parts.scheme and not parts.netloc
    return text if is_plain and text.startswith("/") and not text.startswith("//") else "/"


def login_form(visit: Visit) -> Response:
    """Ask for name and password."""
    if visit.who is not None:
        return RedirectResponse(own_path(visit.query("next", "/")), 303)
    return _form(visit, "login.html", onward=own_path(visit.query("next", "/")), name="", refusal=None)


def login(visit: Visit) -> Response:
    """Log in; what is wrong is not told, and a name that does not exist takes as long as one that does."""
    name, onward = visit.field("name"), own_path(visit.field("next") or "/")
    address = visit.request.client.host if visit.request.client else "?"
    keys = (f"name:{name.strip().casefold()[:80]}", f"from:{address}")
    try:
        visit.room.logins.try_once(*keys)
    except BusyError as error:
        return _form(visit, "login.html", status=429, onward=onward, name=name, refusal=str(error))
    user = visit.room.users.check_password(name, visit.field("password"))
    if user is None:
        refusal = "That name and password do not belong together."
        return _form(visit, "login.html", status=403, onward=onward, name=name, refusal=refusal)
    visit.room.logins.forget(*keys)
    return _enter(visit, visit.room.visits.begin(user, agent=visit.request.headers.get("user-agent", "")), onward)


def welcome_form(visit: Visit) -> Response:
    """Ask whoever follows a one-time link for a password, and the first admin for a name.

    Raises:
        StaleState: the link does not hold.
    """
    name = visit.room.users.invited(visit.path("token"))
    if name is None:
        raise StaleState(
            "This link was used already or has run out.",
            next_step="`dayreel users link NAME` makes a new one; with nobody there yet, starting the desk does.",
        )
    return _form(visit, "welcome.html", name=name, is_first=not name, refusal=None)


def welcome(visit: Visit) -> Response:
    """Use a one-time link up."""
    users, token = visit.room.users, visit.path("token")
    address = visit.request.client.host if visit.request.client else "?"
    visit.room.logins.try_once(f"link:{address}")
    try:
        if visit.field("password") != visit.field("again"):
            raise UsageError("The two passwords differ.", next_step="Type the same one twice.")
        user = users.accept(token, name=visit.field("name"), password=visit.field("password"))
    except UsageError as error:
        name = users.invited(token)
        shown = name or visit.field("name")
        return _form(visit, "welcome.html", status=400, name=shown, is_first=not name, refusal=str(error))
    visit.room.logins.forget(f"link:{address}")
    return _enter(visit, visit.room.visits.begin(user, agent=visit.request.headers.get("user-agent", "")), "/")


def logout(visit: Visit) -> Response:
    """End this session."""
    who = visit.person
    if who.how == "session":
        visit.room.visits.end(who.key, user_id=who.user_id, by=who.name)
    answer = RedirectResponse("/login?done=logged-out", 303)
    sessions.forget_session(visit.room, answer)
    return answer


def _enter(visit: Visit, secret: str, onward: str) -> Response:
    answer = RedirectResponse(onward, 303)
    sessions.set_session(visit.room, answer, secret)
    return answer


def _form(visit: Visit, template: str, *, status: int = 200, **shown: object) -> Response:
    """Show a form to somebody who is not logged in; their browser is marked, and the form is bound to the mark."""
    known = sessions.visit_of(visit.room, visit.request)
    answer = Response()
    mark = sessions.begin_visit(visit.room, answer, known)
    csrf = sessions.csrf_token(visit.room, visit.who, mark)
    page = visit.show(template, status=status, form_csrf=csrf, **shown)
    page.raw_headers.extend(header for header in answer.raw_headers if header[0] == b"set-cookie")
    return page
