"""Mail: one message to everybody, typed refusals, doubt only after the text has left, no password in any sentence."""

import email.policy
import socket
from asyncio import Server
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from threading import Thread
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.notifiers.contract import Message
from dayreel.providers.notifiers.email import EmailNotifier
from dayreel.services.project import Project
from tests.fakes.clock import FakeClock
from tests.fakes.permits import make_permit
from tests.fakes.scripted_server import unused_url

PASSWORD = "marked-mail-password"
MESSAGE = Message("Zwölf Töpfe warten\nauf Prüfung.", marker="crafts-2026-11-20/r1", link="http://127.0.0.1:8700/x")
PERMIT = make_permit("notification", "email")


class Post:
    """What a mail server does with what it gets; `replies` overrides single steps."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.replies: dict[str, str] = {}
        self.drops = False
        self.farewells = 0

    async def handle_QUIT(self, *_session: Any) -> str:  # noqa: N802
        self.farewells += 1
        return "221 bye"

    async def handle_MAIL(  # noqa: N802  aiosmtpd's names
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.replies.get("mail", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.envelopes.append(envelope)
        self.mails.append(message_from_bytes(envelope.content, _class=EmailMessage, policy=email.policy.SMTP))
        if self.drops:
            server.transport.abort()
        return self.replies.get("data", "250 taken")


class OnAnyPort(Controller):
    """aiosmtpd's own, on a port that the system chooses."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def _knows(_server: Any, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == PASSWORD.encode(), handled=False)


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    handler = Post()
    controller = OnAnyPort(
        handler, hostname="127.0.0.1", port=0, authenticator=_knows, auth_require_tls=False, ready_timeout=10
    )
    controller.start()
    yield handler, controller.port
    controller.stop()


def notifier(port: int, **changes: Any) -> EmailNotifier:
    settings = {"host": "127.0.0.1", "sender": "dayreel <day@example.com>", "recipients": "ana@example.com", **changes}
    return EmailNotifier(port=port, clock=FakeClock(), timeout_s=3, **settings)


def test_everybody_gets_text_link_and_marker(post: tuple[Post, int]) -> None:
    server, port = post
    both = notifier(port, recipients="Ana <ana@example.com>, ben@example.com", user="day", password=PASSWORD)
    handle = both.send(PERMIT, MESSAGE)
    (mail,) = server.mails
    assert server.envelopes[0].rcpt_tos == ["ana@example.com", "ben@example.com"]
    assert mail["Subject"] == "[dayreel] Zwölf Töpfe warten"
    assert mail["From"] == "dayreel <day@example.com>"
    assert mail["Message-ID"] == handle["message_id"]
    text = mail.get_content()
    assert MESSAGE.text in text.replace("\r\n", "\n")
    assert str(MESSAGE.link) in text
    assert MESSAGE.marker in text


def test_a_repeat_has_the_same_message_id(post: tuple[Post, int]) -> None:
    _server, port = post
    first, second = (notifier(port).send(PERMIT, MESSAGE) for _ in range(2))
    other = notifier(port).send(PERMIT, Message("Another", marker="crafts-2026-11-20/r2"))
    assert first == second != other


def test_who_is_refused_is_kept_while_others_get_it(post: tuple[Post, int]) -> None:
    server, port = post
    server.replies["gone@example.com"] = "550 no such user"
    handle = notifier(port, recipients="ana@example.com, gone@example.com").send(PERMIT, MESSAGE)
    assert handle["refused"] == ["gone@example.com"]
    assert server.envelopes[0].rcpt_tos == ["ana@example.com"]


@pytest.mark.parametrize(
    ("step", "reply", "verdict"),
    [
        ("mail", "553 not your address", PermanentError),
        ("mail", "451 later", TransientError),
        ("ana@example.com", "550 no such user", PermanentError),
        ("ana@example.com", "450 busy", TransientError),
        ("data", "554 spam", PermanentError),
        ("data", "452 full", TransientError),
    ],
)
def test_a_refusal_is_typed_by_its_code(
    post: tuple[Post, int], step: str, reply: str, verdict: type[ProviderError]
) -> None:
    server, port = post
    server.replies[step] = reply
    with pytest.raises(verdict) as refused:
        notifier(port).send(PERMIT, MESSAGE)
    assert refused.value.code == reply[:3]
    assert refused.value.next_step


def test_a_lost_answer_to_the_text_is_doubt(post: tuple[Post, int]) -> None:
    server, port = post
    server.drops = True
    with pytest.raises(UnknownOutcomeError) as doubt:
        notifier(port).send(PERMIT, MESSAGE)
    assert len(server.mails) == 1
    assert str(doubt.value.reference) == server.mails[0]["Message-ID"]
    with pytest.raises(PermanentError, match="mailboxes of MAIL_TO"):
        notifier(port).find(MESSAGE.marker)


def test_a_server_that_is_away_has_sent_nothing() -> None:
    port = int(unused_url().rpartition(":")[2])
    with pytest.raises(TransientError, match="MAIL_HOST"):
        notifier(port).send(PERMIT, MESSAGE)


def test_a_wrong_password_is_refused_and_never_shown(post: tuple[Post, int]) -> None:
    _server, port = post
    with pytest.raises(PermanentError) as refused:
        notifier(port, user="day", password="marked-wrong").greet()
    assert refused.value.code == "535"
    assert "marked-wrong" not in str(refused.value)
    notifier(port, user="day", password=PASSWORD).greet()


def test_a_password_never_leaves_without_tls(post: tuple[Post, int]) -> None:
    server, port = post
    elsewhere = notifier(port, host="127.1", user="day", password=PASSWORD)  # not spelled like this machine
    with pytest.raises(PermanentError, match="only sent over TLS"):
        elsewhere.send(PERMIT, MESSAGE)
    assert server.mails == []


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"recipients": "ana"}, "MAIL_TO"),
        ({"recipients": ""}, "MAIL_TO"),
        ({"user": "jürgen", "password": PASSWORD}, "MAIL_USER"),
        ({"user": "day", "password": "pässword"}, "MAIL_PASSWORD"),
        ({"sender": "dayreel"}, "MAIL_FROM"),
        ({"sender": "day@example.com\r\nBcc: eve@example.com"}, "MAIL_FROM"),
        ({"recipients": "ana@example.com\nbcc: eve@example.com"}, "MAIL_TO"),
    ],
)
def test_a_wrong_setting_is_refused_before_a_connection(changes: dict[str, str], variable: str) -> None:
    """And not before a message: whoever makes videos opens us, too."""
    wrong = notifier(25, **changes)
    for act in (wrong.greet, lambda: wrong.send(PERMIT, MESSAGE)):
        with pytest.raises(ConfigurationError, match=variable):
            act()


def test_half_a_setup_stops_nobody_before_a_message(make_project: Callable[..., Project]) -> None:
    """MAIL_HOST alone chooses mail; what is missing is met by a message, not by the run that made a video."""
    project = make_project(world="live")
    variables = project.settings.with_variables(MAIL_HOST="127.0.0.1")
    half = replace(project, settings=variables).connect("email")
    with pytest.raises(ConfigurationError, match="MAIL_FROM"):
        half.send(PERMIT, MESSAGE)


def test_a_port_is_a_number() -> None:
    wrong = EmailNotifier(host="x", port="smtp", sender="a@b.c", recipients="a@b.c", clock=FakeClock())
    with pytest.raises(ConfigurationError, match="MAIL_PORT"):
        wrong.greet()


def test_a_host_that_is_no_name_is_refused() -> None:
    with pytest.raises(PermanentError, match="MAIL_HOST"):
        notifier(25, host="smtp..example.com").send(PERMIT, MESSAGE)


def test_text_goes_out_as_every_server_takes_it(post: tuple[Post, int]) -> None:
    """Seven bits, short lines, no line that ends the message early."""
    server, port = post
    text = f"Zwölf Töpfe\n.\n..zwei\n{'lang ' * 300}ü"
    notifier(port).send(PERMIT, Message(text, marker="crafts-2026-11-20/r1"))
    raw = server.envelopes[0].content
    assert isinstance(raw, bytes)
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert text in server.mails[0].get_content().replace("\r\n", "\n")
    assert server.farewells == 1


def test_a_reply_that_says_nothing_is_doubt(post: tuple[Post, int]) -> None:
    server, port = post
    server.replies["data"] = "??? what"
    with pytest.raises(UnknownOutcomeError):
        notifier(port).send(PERMIT, MESSAGE)
    assert len(server.mails) == 1


@pytest.mark.parametrize("last", ["421 closing", ""])
def test_before_the_text_nothing_was_sent(last: str) -> None:
    """A server that closes while it is asked whether the text may come."""
    with _saying("220 hello", "250 hello", "250 ok", "250 ok", last) as port, pytest.raises(TransientError):
        notifier(port).send(PERMIT, MESSAGE)


def test_no_spelling_of_the_password_is_repeated(post: tuple[Post, int]) -> None:
    server, port = post
    spellings = [PASSWORD, *(b64encode(text.encode()).decode() for text in (PASSWORD, f"\0day\0{PASSWORD}"))]
    server.replies["mail"] = f"550 what is {' '.join(spellings)}"
    with pytest.raises(PermanentError) as refused:
        notifier(port, user="day", password=PASSWORD).send(PERMIT, MESSAGE)
    assert not [spelling for spelling in spellings if spelling in str(refused.value)]


@contextmanager
def _saying(*replies: str) -> Iterator[int]:
    """A server that says this, line by line, whatever it is asked, and hangs up."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as lines:
            for number, reply in enumerate(replies):
                if number:
                    lines.readline()
                if reply:
                    lines.write(f"{reply}\r\n".encode())
                    lines.flush()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
