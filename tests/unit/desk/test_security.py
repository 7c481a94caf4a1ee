"""What strangers and other sites can make of the desk: nothing."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route

from dayreel.desk.pages.login import own_path
from dayreel.desk.sessions import client_address
from dayreel.errors import GateClosedError
from dayreel.queries.rows import newest_verdict
from dayreel.rules.desk_links import chart_link, content_link, media_link, runbook_link
from dayreel.services.desk.users import Users, require_users
from dayreel.services.project import Project
from dayreel.stores.catalog.tables import users
from dayreel.stores.mart_bucket import open_mart_files
from tests.fakes.clock import FakeClock
from tests.fakes.desk import (
    PASSWORD,
    QUICK,
    Browser,
    come_in,
    csrf_of,
    desk_on,
    person,
    post_slowly,
    seen_on,
    served,
    token_of,
)
from tests.fakes.library import make_library
from tests.fakes.project import content_row

CONTENT = "crafts-2026-11-20"
PAGE = f"/content/{CONTENT}"
OURS = {"origin": "http://desk.localhost"}
OPEN_TO_ALL = {
    "/login",
    "/welcome/{token}",
    "/healthz",
    "/readyz",
    "/favicon.ico",
    "/favicon{rest:path}",
    "/static",
    "/dagster",
}


REAL = {"content_id": CONTENT, "path": "a.mp4", "channel": "crafts", "day": "2026-11-21", "page": "how-to/operate.md"}


def is_decided(project: Project) -> bool:
    with project.catalog.read() as connection:
        return newest_verdict(connection, CONTENT) is not None


def test_every_page_but_the_entrance_asks_who_it_is(desk: Starlette) -> None:
    stranger = Browser(desk)
    for route in desk.routes:
        path = getattr(route, "path", "")
        if path in OPEN_TO_ALL or not isinstance(route, Route):
            continue
        # What is in the address does not matter: nobody is let in to look.
        real = route.path_format.format(**{name: REAL.get(name, "1") for name in route.param_convertors})
        for method in sorted((route.methods or set()) - {"HEAD"}):
            answer = stranger.request(method, real, headers={**OURS, "accept": "*/*"})
            assert answer.status_code == 401, (method, real, answer.status_code)


def test_a_person_who_opens_a_page_is_led_to_the_login_and_back(desk: Starlette, ana: Browser) -> None:
    answer = Browser(desk).get(f"{PAGE}?x=1")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next=%2Fcontent%2F{CONTENT}%3Fx%3D1"
    again = Browser(desk)
    answer = again.submit("/login", answer.headers["location"], name="ana", password=PASSWORD, next=f"{PAGE}?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?x=1")


ELSEWHERE = (
    "//evil.test/",
    "https://evil.test/",
    "/\\evil.test",
    "\\\\evil.test",
    "/\t/evil.test",
    "javascript:alert(1)",
)
BROKEN = ("/x\r\nSet-Cookie: a=b", "evil.test", "", "/\\/evil.test", "///evil.test", "http:evil.test")


@pytest.mark.parametrize("onward", ELSEWHERE + BROKEN)
def test_a_login_leads_nowhere_else(desk: Starlette, ana: Browser, onward: str) -> None:
    assert own_path(onward) == "/"
    answer = Browser(desk).submit("/login", "/login", name="Ana", password=PASSWORD, next=onward)
    assert answer.headers["location"] == "/"
    assert "a=b" not in str(answer.headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"origin": "http://desk.localhost.evil.test"},
        {"origin": "https://desk.localhost"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_another_site_cannot_post_even_with_a_token(ana: Browser, project: Project, headers: dict[str, str]) -> None:
    page = ana.open(PAGE)
    form = {"csrf": csrf_of(page), "seen": seen_on(page)}
    assert ana.post(f"{PAGE}/approve", data=form, headers=headers).status_code == 403
    assert not is_decided(project)


def test_a_post_needs_the_token_of_its_own_session(ana: Browser, ben: Browser, project: Project) -> None:
    seen = seen_on(ana.open(PAGE))
    for token in ("", "x", csrf_of(ben.open("/account"))):
        assert ana.post(f"{PAGE}/approve", data={"csrf": token, "seen": seen}, headers=OURS).status_code == 403
    assert not is_decided(project)


def test_no_form_is_taken_without_its_token_or_from_elsewhere(project: Project) -> None:
    """Whoever posts, and wherever: the forms before the login too, or another site could log a browser in as itself."""
    desk = desk_on(make_library(project).project)  # with the forms of own footage
    root, stranger = person(desk, "Root", "admin"), Browser(desk)
    tokens = {root: csrf_of(root.open("/account")), stranger: csrf_of(stranger.open("/login"))}
    posts = [form for form in desk.routes if isinstance(form, Route) and form.methods == {"POST"}]
    assert len(posts) > 30
    for route in posts:
        path = route.path_format.format(**{name: REAL.get(name, "1") for name in route.param_convertors})
        browser = stranger if route.path in OPEN_TO_ALL else root
        no_token = browser.post(path, headers=OURS)
        elsewhere = browser.post(path, data={"csrf": tokens[browser]}, headers={"origin": "https://evil.test"})
        assert (no_token.status_code, elsewhere.status_code) == (403, 403), path


def test_a_get_decides_nothing(ana: Browser, project: Project) -> None:
    for word in ("approve", "reject", "edit", "regenerate"):
        assert ana.get(f"{PAGE}/{word}").status_code == 405
    assert ana.get("/logout").status_code == 405
    assert not is_decided(project)


def test_a_viewer_sees_and_does_nothing(vera: Browser, project: Project) -> None:
    page = vera.open(PAGE)
    assert "<form" not in page
    for path in (f"{PAGE}/approve", f"{PAGE}/reject", f"{PAGE}/edit", f"{PAGE}/regenerate", "/approve", "/switch"):
        assert vera.submit(path, seen="1.4.x", note="x", caption="x").status_code == 403, path
    assert vera.get("/people").status_code == 403
    assert not is_decided(project)
    assert content_row(project, CONTENT).caption == "Clay, patience"


def test_each_login_starts_a_new_session_despite_old_cookies(desk: Starlette, ana: Browser) -> None:
    planted = dict(ana.cookies)["dayreel_session"]
    victim = Browser(desk, cookies={"dayreel_session": "planted.by-an-attacker"})
    victim.submit("/login", "/login", name="Ana", password=PASSWORD)
    brought = [cookie.value for cookie in victim.cookies.jar if cookie.name == "dayreel_session"]
    assert "planted.by-an-attacker" not in brought[-1:]
    assert planted not in brought


def test_a_cookie_that_was_not_signed_here_is_nobody(desk: Starlette, ana: Browser) -> None:
    good = ana.cookies["dayreel_session"]
    secret, _dot, signature = good.rpartition(".")
    for forged in (secret, f"{secret}x.{signature}", f"{secret}.{signature}x", "", "." * 300):
        assert Browser(desk, cookies={"dayreel_session": forged}).get("/").status_code == 303


def test_cookies_are_kept_from_scripts_and_from_other_sites(desk: Starlette, ana: Browser, project: Project) -> None:
    answer = Browser(desk).submit("/login", "/login", name="Ana", password=PASSWORD)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    https = Project(
        project.settings.model_copy(update={"desk_url": "https://desk.example"}), project.clock, project.catalog
    )
    page = Browser(desk_on(https)).get("/login")
    assert page.headers["set-cookie"].startswith("__Host-")
    assert "Secure" in page.headers["set-cookie"]
    assert "max-age" in page.headers["strict-transport-security"]


def test_logging_out_ends_the_session_on_the_server_too(desk: Starlette, ana: Browser) -> None:
    stolen = Browser(desk, cookies={"dayreel_session": ana.cookies["dayreel_session"]})
    assert stolen.get("/").status_code == 200
    assert ana.submit("/logout").status_code == 303
    assert stolen.get("/").status_code == 303


def test_a_disabled_person_is_out_at_once_with_every_token(desk: Starlette, ana: Browser) -> None:
    state = desk.state.desk
    token = state.sessions.make_token(state.users.named("Ana"), "script", by="Ana")
    bearer = {"authorization": f"Bearer {token}"}
    assert Browser(desk).get("/", headers=bearer).status_code == 200
    state.users.add("Root", "admin", by="test")
    state.users.disable("ana", by="Root")
    assert ana.get("/").status_code == 303
    assert Browser(desk).get(f"/renders/{CONTENT}", headers={**bearer, "accept": "*/*"}).status_code == 401
    assert Browser(desk).submit("/login", "/login", name="Ana", password=PASSWORD).status_code == 403


def test_a_session_runs_out(ana: Browser, project: Project) -> None:
    assert isinstance(project.clock, FakeClock)
    project.clock.move(days=3, seconds=1)
    assert ana.get("/").status_code == 303


def test_a_one_time_link_works_once_and_for_a_day(desk: Starlette, project: Project) -> None:
    users = desk.state.desk.users
    link = f"/welcome/{users.add('Carla', 'reviewer', by='test')}"
    assert Browser(desk).submit(link, link, password="short", again="short").status_code == 400
    come_in(Browser(desk), link, "")
    assert Browser(desk).get(link).status_code == 409
    late = f"/welcome/{users.invite_again('Carla', by='test')}"
    assert isinstance(project.clock, FakeClock)
    project.clock.move(hours=24)
    assert Browser(desk).get(late).status_code == 409


def test_the_first_link_makes_an_admin_and_then_none_is_issued(desk: Starlette) -> None:
    users: Users = desk.state.desk.users
    older, newer = users.first_link(), users.first_link()
    assert Browser(desk).get(f"/welcome/{older}").status_code == 409
    come_in(Browser(desk), f"/welcome/{newer}", "Root")
    assert [(user.name, user.role) for user in users.list()] == [("Root", "admin")]
    assert users.first_link() is None


def login_from(desk: Starlette, address: str, name: str, password: str, **headers: str) -> int:
    """Return the status of a login from an address."""
    browser = Browser(desk, client=(address, 50000))
    browser.headers.update(headers)
    return int(browser.submit("/login", "/login", name=name, password=password).status_code)


def test_wrong_passwords_slow_down_one_name_from_one_address(
    desk: Starlette, ana: Browser, ben: Browser, project: Project
) -> None:
    codes = [login_from(desk, "203.0.113.7", "Ana", f"wrong {number} word") for number in range(6)]
    assert codes == [403] * 5 + [429]
    assert login_from(desk, "203.0.113.7", " ANA", PASSWORD) == 429
    assert login_from(desk, "203.0.113.7", "Ben", PASSWORD) == 303, "another person behind the same router"
    assert login_from(desk, "203.0.113.8", "Ana", PASSWORD) == 303, "the same person elsewhere"
    assert login_from(desk, "203.0.113.7", "Ana", PASSWORD) == 429
    assert isinstance(project.clock, FakeClock)
    project.clock.move(minutes=6)
    assert login_from(desk, "203.0.113.7", "Ana", PASSWORD) == 303


def test_a_forwarded_address_is_read_from_a_trusted_proxy_only(project: Project, ana: Browser) -> None:
    behind = {"desk_url": "http://desk.localhost", "desk_trusted_proxies": "10.0.0.0/24 ::1"}
    plain, proxied = (
        desk_on(project),
        desk_on(Project(project.settings.model_copy(update=behind), project.clock, project.catalog)),
    )

    def seen(desk: Starlette, peer: str, *forwarded: str) -> str:
        headers = [(b"x-forwarded-for", text.encode()) for text in forwarded]
        return client_address(
            desk.state.desk, HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})
        )

    assert seen(plain, "127.0.0.1", "203.0.113.7") == "127.0.0.1", "no proxy is set up"
    assert seen(proxied, "203.0.113.9", "203.0.113.7") == "203.0.113.9", "who connects is not a proxy"
    assert seen(proxied, "10.0.0.9", "203.0.113.7") == "203.0.113.7"
    assert seen(proxied, "10.0.0.9", "198.51.100.1, 203.0.113.7", "10.0.0.8") == "203.0.113.7", (
        "what it was sent is not believed"
    )
    assert seen(proxied, "::ffff:10.0.0.9", "203.0.113.7, unknown") == "10.0.0.9"
    assert seen(proxied, "::1", "2001:db8::1:2") == "2001:db8::/64"
    assert seen(proxied, "10.0.0.9") == "10.0.0.9"


class CountingHasher(PasswordHasher):
    """Writes down what each comparison costs."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.costs: list[Parameters] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002  argon2's own name
        self.costs.append(extract_parameters(str(hash)))
        return super().verify(hash, password)


def test_an_unknown_name_takes_as_long_as_a_known_one(project: Project) -> None:
    """What takes the time is the one comparison with a hash, of the same cost for everybody."""
    hasher = CountingHasher()
    users = Users(project.catalog, project.clock, hasher=hasher)
    users.accept(users.add("Ana", "reviewer", by="test"), name="", password=PASSWORD)
    users.accept(users.add("Ben", "reviewer", by="test"), name="", password=PASSWORD)
    users.add("Root", "admin", by="test")
    users.disable("Ben", by="Root")
    for name in ("Ana", "Ben", "Root", "Nobody"):
        assert users.check_password(name, "not the password") is None
    assert len(hasher.costs) == 4
    assert hasher.costs[1:] == hasher.costs[:1] * 3


def test_beyond_loopback_it_needs_users_and_says_how(project: Project) -> None:
    users = Users(project.catalog, project.clock, hasher=QUICK)
    for host in ("127.0.0.1", "localhost", "::1"):
        require_users(users, host)
    for host in ("0.0.0.0", "192.168.1.2", "::", ""):
        with pytest.raises(GateClosedError, match="dayreel users add"):
            require_users(users, host)
    users.add("Root", "admin", by="test")
    require_users(users, "0.0.0.0")


OUTSIDE = (
    "../../channels/crafts.yaml",
    "%2e%2e/%2e%2e/channels/crafts.yaml",
    "..%2f..%2fvar%2fdesk.key",
    "/etc/passwd",
)
BESIDE = ("..%2fsecret.mp4", f"..%2f{CONTENT}-t2%2fsecret.mp4", "%2e%2e/%2e%2e/secret.mp4")
ODD = ("%2Fetc%2Fpasswd", "raw", "", "final_video.mp4%00.jpg", "raw/../../other/final_video.mp4", "..\\..\\x.mp4")
OF_OTHER_KINDS = ("metadata.json", ".pipeline/final_video.done", "out.mp4", "beside.mp4", "dir.mp4")


@pytest.mark.parametrize("path", OUTSIDE + BESIDE + ODD + OF_OTHER_KINDS)
def test_media_serves_only_the_contents_own_images_and_videos(
    vera: Browser, project: Project, tmp_path: Path, path: str
) -> None:
    folder = project.contents.folder(CONTENT)
    take = project.contents.folder(f"{CONTENT}-t2")
    take.mkdir()
    for place in (take, folder.parent, tmp_path):
        (place / "secret.mp4").write_bytes(b"secret")
    (folder / "out.mp4").symlink_to(tmp_path / "secret.mp4")
    (folder / "beside.mp4").symlink_to(take / "secret.mp4")  # the take's folder begins with the name of this one's
    (folder / "dir.mp4").mkdir()
    answer = vera.get(f"/media/{CONTENT}/{path}")
    assert answer.status_code in (404, 405), path
    assert b"secret" not in answer.content


def test_media_can_be_seeked_and_is_not_sent_again(vera: Browser) -> None:
    url = f"/media/{CONTENT}/final_video.mp4"
    whole = vera.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, b"a video", "video/mp4")
    part = vera.get(url, headers={"range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"vid")
    assert part.headers["content-range"] == "bytes 2-4/7"
    assert vera.get(url, headers={"range": "bytes=90-"}).status_code == 416
    assert vera.get(url, headers={"range": "bytes=" + ",".join(["0-0"] * 50)}).status_code == 416
    assert vera.get(url, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
    assert vera.get("/media/..%2f..%2fvar/x.mp4").status_code == 404


def test_docs_are_this_projects_pages_and_nothing_else(vera: Browser, project: Project, desk: Starlette) -> None:
    """What the runbook links of Dagster's pages lead to."""
    folder = project.settings.root / "docs" / "how-to"
    folder.mkdir(parents=True)
    (folder / "operate.md").write_text("# Operating <b>", encoding="utf-8")
    (folder / "notes.txt").write_text("secret", encoding="utf-8")
    page = vera.get(runbook_link("how-to/operate"))
    assert (page.status_code, page.text) == (200, "# Operating <b>")
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    for name in (
        "how-to/notes.txt",
        "how-to/gone.md",
        "..%2f.env",
        "..%2fchannels%2fcrafts.yaml",
        "how-to/..%2f..%2fcontent/x.md",
        "how-to/operate.md%00.md",
        "how-to/.md",
        "/how-to/operate.md",
        "how-to",
    ):
        assert vera.get(f"/docs/{name}").status_code == 404, name
    assert Browser(desk).get(runbook_link("how-to/operate")).status_code == 303


def test_a_chart_is_served_to_people_and_nothing_beside_it(vera: Browser, project: Project, desk: Starlette) -> None:
    files = open_mart_files(project.settings)
    files.write_charts("2026-11-16", "all", {"approval_rate": b"a picture"})
    (files.root / "secret.png").write_bytes(b"a secret")
    response = vera.get(chart_link("2026-11-16", "all", "approval_rate"))
    assert (response.content, response.headers["content-type"]) == (b"a picture", "image/png")
    for place in (("2026-11-16", "all", "gone"), ("..", "..", "secret"), ("2026-11-16", "all", "../../../secret")):
        assert vera.get(chart_link(*place)).status_code == 404, place
    assert Browser(desk).get(chart_link("2026-11-16", "all", "approval_rate")).status_code == 303


def test_the_links_that_other_pages_hold_lead_somewhere(vera: Browser) -> None:
    assert vera.get(media_link(CONTENT, "final_video.mp4")).content == b"a video"
    assert CONTENT in vera.open(content_link(CONTENT))


@pytest.mark.parametrize(
    "evil", ["%0d%0aset-cookie:%20x=1", "%0aset-cookie:%20x=1", "%E5%98%8A%E5%98%8Dset-cookie:%20x=1"]
)
def test_nothing_that_is_sent_becomes_a_header(ana: Browser, olga: Browser, desk: Starlette, evil: str) -> None:
    answers = [
        Browser(desk).get(f"{PAGE}?x={evil}"),
        ana.get(f"/login?next=/{evil}"),
        ana.get(f"/content/{CONTENT}{evil}"),
        ana.get(f"/media/{CONTENT}/{evil}.mp4"),
        ana.get(f"/docs/{evil}.md"),
        ana.get(f"/favicon-{evil}.png"),
        ana.submit(f"/calendar/crafts{evil}/2026-11-22/pin", idea="A potter mends a jar with gold"),
        olga.submit(f"/calendar/crafts{evil}/pause"),
    ]
    for answer in answers:
        assert "set-cookie" not in answer.headers, answer.url
        assert answer.status_code < 500, answer.url


def test_oversized_and_malformed_bodies_are_refused_unread(ana: Browser, project: Project) -> None:
    big = b"caption=" + b"x" * 300_000
    form = {**OURS, "content-type": "application/x-www-form-urlencoded"}
    assert ana.post(f"{PAGE}/edit", content=big, headers=form).status_code == 413
    assert ana.post(f"{PAGE}/edit", content=iter([big]), headers=form).status_code == 413
    assert ana.post(f"{PAGE}/edit", content=b"&".join([b"a=1"] * 600), headers=form).status_code == 400
    assert ana.post(f"{PAGE}/edit", content=b"a=\xff%ff", headers=form).status_code == 400
    assert ana.post(f"{PAGE}/edit", json={"caption": "x"}, headers=OURS).status_code == 400
    assert content_row(project, CONTENT).caption == "Clay, patience"


@pytest.mark.parametrize("act", ["disable", "demote", "password"])
def test_who_may_is_asked_again_after_a_slow_body(project: Project, act: str) -> None:
    """A body may take minutes, and a change of role or password ends what somebody has begun before it."""
    app = desk_on(project)
    carl, held = person(app, "Carl", "admin"), app.state.desk.users
    ends = {
        "disable": lambda: held.disable("Carl", by="test"),
        "demote": lambda: held.change_role("Carl", "viewer", by="test"),
        "password": lambda: held.change_password("Carl", "four other small words", by="test"),
    }
    person(app, "Dora", "admin")
    form = urlencode({"csrf": csrf_of(carl.open("/people")), "name": "Mallory", "role": "admin"}).encode()
    cookie = f"dayreel_session={carl.cookies['dayreel_session']}"
    with served(app) as url:
        headers = {"cookie": cookie, "content-type": "application/x-www-form-urlencoded", "accept": "*/*"}
        assert post_slowly(url, "/people", form, headers, meanwhile=ends[act]) == 401
    assert [user.name for user in held.list()] == ["Carl", "Dora"]


def test_a_body_that_does_not_come_is_given_up(ana: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dayreel.desk.forms.BODY_DEADLINE_S", 0.05)
    with served(ana.app) as url:
        headers = {"cookie": f"dayreel_session={ana.cookies['dayreel_session']}", "content-type": "text/plain"}
        status = post_slowly(url, f"{PAGE}/edit", b"caption=off", headers, meanwhile=None)
    assert status == 400


def test_no_field_of_a_form_holds_what_postgresql_cannot_keep(ana: Browser, project: Project) -> None:
    answer = ana.submit(f"/content/{CONTENT}/reject", f"/content/{CONTENT}", note="too\0dark")
    assert answer.status_code == 400
    assert "NUL" in answer.text
    assert not is_decided(project)


def test_every_response_has_headers_that_block_foreign_code(ana: Browser) -> None:
    for path in ("/", PAGE, "/login", "/static/desk.js", f"/media/{CONTENT}/final_video.mp4", "/nowhere"):
        headers = ana.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"


def test_what_a_model_wrote_is_text_on_every_page(ana: Browser, project: Project) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    ana.submit(f"{PAGE}/edit", PAGE, seen=seen_on(ana.open(PAGE)), caption=evil, note=evil)
    for path in ("/", PAGE):
        page = ana.open(path)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert content_row(project, CONTENT).caption == evil


def test_a_script_token_never_exceeds_its_persons_permissions(desk: Starlette, project: Project) -> None:
    viewer = {"authorization": f"Bearer {token_of(desk, 'Robot', 'viewer')}", "accept": "*/*"}
    reviewer = {"authorization": f"Bearer {token_of(desk, 'Bot', 'reviewer')}", "accept": "*/*"}
    script = Browser(desk)
    assert script.post(f"{PAGE}/approve", data={"revision": 1}, headers=viewer).status_code == 403
    wrong = script.post(
        f"{PAGE}/approve", data={"revision": 1}, headers={"authorization": "Bearer dr_x", "accept": "*"}
    )
    assert wrong.status_code == 401
    stale = script.post(f"{PAGE}/approve", data={"revision": 7}, headers=reviewer)
    assert stale.status_code == 409
    assert "revision 1" in stale.json()["error"]
    assert script.post(f"{PAGE}/approve", data={"revision": 1}, headers=reviewer).json()["done"] == "approved"
    with project.catalog.read() as connection:
        row = newest_verdict(connection, CONTENT)
    assert row is not None
    assert (row.decided_by, row.via) == ("Bot", "api")


def test_a_script_token_loses_what_its_person_may_no_longer(desk: Starlette, project: Project) -> None:
    headers = {"authorization": f"Bearer {token_of(desk, 'Rita', 'reviewer')}", "accept": "*/*"}
    with project.catalog.write("users") as connection:
        connection.execute(update(users).where(users.c.name == "Rita").values(role="viewer"))
    assert Browser(desk).post(f"{PAGE}/approve", data={"revision": 1}, headers=headers).status_code == 403
    assert not is_decided(project)


def test_the_trusted_header_is_opt_in_and_only_from_the_proxy(project: Project, ana: Browser) -> None:
    named = {"x-forwarded-user": "Ana"}
    assert Browser(desk_on(project)).get("/", headers=named).status_code == 303
    behind = project.settings.model_copy(
        update={"desk_trusted_header": "X-Forwarded-User", "desk_trusted_proxies": "10.0.0.9"}
    )
    app = desk_on(Project(behind, project.clock, project.catalog))
    assert Browser(app, client=("10.0.0.9", 5)).get("/", headers=named).status_code == 200
    assert Browser(app, client=("10.0.0.8", 5)).get("/", headers=named).status_code == 303
    assert Browser(app, client=("10.0.0.9", 5)).get("/", headers={"x-forwarded-user": "Eve"}).status_code == 303
    twice = [("x-forwarded-user", "Ana"), ("x-forwarded-user", "Eve"), ("accept", "text/html")]
    assert Browser(app, client=("10.0.0.9", 5)).get("/", headers=twice).status_code == 303


def test_no_secret_is_kept_in_the_clear(desk: Starlette, ana: Browser, project: Project) -> None:
    state = desk.state.desk
    token = state.sessions.make_token(state.users.named("Ana"), "script", by="Ana")
    link = state.users.invite_again("Ana", by="test")
    session = ana.cookies["dayreel_session"].rpartition(".")[0]
    with project.catalog.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    kept = Path(project.settings.catalog.removeprefix("sqlite:///")).read_bytes()
    for secret in (PASSWORD, token, link, session):
        assert secret.encode() not in kept
    assert (project.settings.var_dir / "desk.key").stat().st_mode & 0o077 == 0


def test_ones_own_sessions_and_tokens_can_be_ended_nobody_elses(desk: Starlette, ana: Browser, ben: Browser) -> None:
    state = desk.state.desk
    bens = state.sessions.sessions_of(state.users.named("Ben").id)[0].key
    ana.submit("/account/sessions/end", key=bens)
    assert ben.get("/").status_code == 200
    page = ana.submit("/account/tokens", label="nightly", role="viewer").text
    token = page.partition("<code>dr_")[2].partition("</code>")[0]
    bearer = {"authorization": f"Bearer dr_{token}"}
    assert Browser(desk).get("/", headers=bearer).status_code == 200
    key = state.sessions.tokens_of(state.users.named("Ana").id)[0].key
    ben.submit("/account/tokens/revoke", key=key)
    assert Browser(desk).get("/", headers=bearer).status_code == 200
    ana.submit("/account/tokens/revoke", key=key)
    assert Browser(desk).get("/", headers={**bearer, "accept": "*/*"}).status_code == 401


def test_the_last_admin_cannot_lock_everybody_out(desk: Starlette, project: Project) -> None:
    users: Users = desk.state.desk.users
    root = Browser(desk)
    come_in(root, f"/welcome/{users.first_link()}", "Root")
    assert root.submit("/people/disable", "/people", name="Root").status_code == 400
    page = root.submit("/people", "/people", name="Carla", role="viewer").text
    assert "http://desk.localhost/welcome/" in page
    acts = [line for line in root.open("/people").splitlines() if "add user" in line]
    assert acts


def test_an_admin_changes_a_role_and_maps_an_account(desk: Starlette, ana: Browser) -> None:
    root = person(desk, "Root", "admin")
    assert ana.submit("/people/role", "/account", name="Ana", role="admin").status_code == 403
    assert ana.submit("/people/connect", "/account", name="Ana", kind="slack", account="U1").status_code == 403
    assert root.submit("/people/role", "/people", name="Ana", role="viewer").status_code == 303
    assert ana.get("/").status_code == 303, "her session has ended"
    assert root.submit("/people/connect", "/people", name="Ana", kind="slack", account="U1").status_code == 303
    assert root.submit("/people/connect", "/people", name="Root", kind="slack", account="U1").status_code == 400
    assert root.submit("/people/connect", "/people", name="Ana", kind="fax", account="1").status_code == 400
    page = root.open("/people")
    assert "slack <code>U1</code>" in page
    assert "change role: Ana" in page
    assert root.submit("/people/disconnect", "/people", name="Ana", kind="slack", account="U1").status_code == 303
    assert "slack <code>U1</code>" not in root.open("/people")


def test_a_changed_password_ends_every_session_of_its_person(desk: Starlette, ana: Browser) -> None:
    new = {"password": "four other small words", "again": "four other small words"}
    path = "/account/password"
    assert ana.submit(path, "/account", present=PASSWORD, password="four words here", again="x").status_code == 400
    assert ana.submit(path, "/account", present="a wrong guess", **new).status_code == 403
    assert ana.open("/account")
    answer = ana.submit(path, "/account", present=PASSWORD, **new)
    assert answer.headers["location"].startswith("/login")
    assert "Password changed" in Browser(desk).open(answer.headers["location"])
    assert ana.get("/").status_code == 303
    assert desk.state.desk.users.check_password("Ana", PASSWORD) is None
