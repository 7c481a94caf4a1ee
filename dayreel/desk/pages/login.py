"""Coming in and going out: one-time links, logging in, logging out."""

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from dayreel.desk import sessions
from dayreel.desk.pages.page import PageRequest
from dayreel.errors import BusyError, StaleState, UsageError
from dayreel.schemas.person import name_key


def own_path(text: str) -> str:
    """Return a path of the desk to continue to; whatever could lead elsewhere becomes the first page."""
    parts = urlsplit(text)
    is_plain = text.isprintable() and "\\" not in text and not parts.scheme and not parts.netloc
    return text if is_plain and text.startswith("/") and not text.startswith("//") else "/"


def login_form(request: PageRequest) -> Response:
    """Ask for name and password."""
    if request.who is not None:
        return RedirectResponse(own_path(request.query("next", "/")), 303)
    return _form(request, "login.html", onward=own_path(request.query("next", "/")), name="", refusal=None)


def login(request: PageRequest) -> Response:
    """Log in; the answer does not reveal what is wrong, and a name that does not exist takes as long as one that
    does.
    """
    name, onward = request.field("name"), own_path(request.field("next") or "/")
    key = f"name:{name_key(name)[:80]} from:{sessions.client_address(request.desk, request.http)}"
    try:
        request.desk.logins.try_once(key)
    except BusyError as error:
        return _form(request, "login.html", status=429, onward=onward, name=name, refusal=str(error))
    user = request.desk.users.check_password(name, request.field("password"))
    if user is None:
        refusal = "That name and password do not belong together."
        return _form(request, "login.html", status=403, onward=onward, name=name, refusal=refusal)
    request.desk.logins.forget(key)
    return _enter(request, request.desk.sessions.begin(user, agent=request.http.headers.get("user-agent", "")), onward)


def welcome_form(request: PageRequest) -> Response:
    """Ask whoever follows a one-time link for a password, and the first admin for a name.

    Raises:
        StaleState: the link does not hold.
    """
    name = request.desk.users.invited(request.path("token"))
    if name is None:
        raise StaleState(
            "This link was used already or has run out.",
            next_step="`dayreel users link NAME` makes a new one; without any user, starting the desk makes one.",
        )
    return _form(request, "welcome.html", name=name, is_first=not name, refusal=None)


def welcome(request: PageRequest) -> Response:
    """Use a one-time link up."""
    users, token = request.desk.users, request.path("token")
    key = f"link:{token[:80]} from:{sessions.client_address(request.desk, request.http)}"
    request.desk.logins.try_once(key)
    try:
        if request.field("password") != request.field("again"):
            raise UsageError("The two passwords differ.", next_step="Type the same one twice.")
        user = users.accept(token, name=request.field("name"), password=request.field("password"))
    except UsageError as error:
        name = users.invited(token)
        shown = name or request.field("name")
        return _form(request, "welcome.html", status=400, name=shown, is_first=not name, refusal=str(error))
    request.desk.logins.forget(key)
    return _enter(request, request.desk.sessions.begin(user, agent=request.http.headers.get("user-agent", "")), "/")


def logout(request: PageRequest) -> Response:
    """End this session."""
    who = request.person
    if who.how == "session":
        request.desk.sessions.end(who.key, user_id=who.user_id, by=who.name)
    answer = RedirectResponse("/login?done=logged-out", 303)
    sessions.forget_session(request.desk, answer)
    return answer


def _enter(request: PageRequest, secret: str, onward: str) -> Response:
    answer = RedirectResponse(onward, 303)
    sessions.set_session(request.desk, answer, secret)
    return answer


def _form(request: PageRequest, template: str, *, status: int = 200, **shown: object) -> Response:
    """Show a form to somebody who is not logged in; their browser is marked, and the form is bound to the mark."""
    known = sessions.login_nonce(request.desk, request.http)
    answer = Response()
    mark = sessions.set_login_nonce(request.desk, answer, known)
    csrf = sessions.csrf_token(request.desk, request.who, mark)
    page = request.show(template, status=status, form_csrf=csrf, **shown)
    page.raw_headers.extend(header for header in answer.raw_headers if header[0] == b"set-cookie")
    return page
