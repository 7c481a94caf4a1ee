"""Mail over SMTP: one message per send, to everybody in MAIL_TO.

Facts: RFC 5321 (a message is taken once its data is answered with 250; until then it is not), RFC 8314 (port 465 is TLS
from the start), RFC 2047 (headers). A mailbox cannot be asked whether a message arrived, so a lost answer waits for a
person; a repeat would have the same Message-ID.
"""

import hashlib
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import Any, Final

from pydantic import SecretStr

from dayreel.clock import Clock
from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import readable, reveal
from dayreel.providers.notifiers.contract import Message
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting, Vendor

_TLS_PORT: Final = 465
_DEFAULT_PORT: Final = 587
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_LONGEST_SUBJECT: Final = 120
_SEVEN_BIT: Final = SMTP.clone(cte_type="7bit")
"""Every server takes it; text of more than ASCII goes out quoted, as not all of them offer 8BITMIME (RFC 6152)."""
NEXT_STEPS: Final = {
    421: "The mail server is busy or closing; it is tried again later.",
    450: "A mailbox is busy; it is tried again later.",
    451: "It is tried again later; some servers make an unknown sender wait (greylisting).",
    452: "A mailbox or the server is full; it is tried again later.",
    530: "The mail server wants to know who sends: set MAIL_USER and MAIL_PASSWORD.",
    534: "Make a password for this application at your mail provider (an app password), and set MAIL_PASSWORD to it.",
    535: "Check MAIL_USER and MAIL_PASSWORD; with two-factor login it takes an app password.",
    550: "Check MAIL_TO and MAIL_FROM: an address does not exist, or may not be used.",
    552: "The mailbox is full or the message too large.",
    553: "Check MAIL_FROM: the mail server does not let this user send as that address.",
    554: "The mail server refuses the message, often as spam: check MAIL_FROM against the domain's SPF and DKIM.",
}
"""SMTP reply to what a person can do."""


class EmailNotifier:
    """A mail server that takes messages from us.

    Args:
        host, port: the server; 465 speaks TLS from the start, every other port has to offer STARTTLS, except on this
            machine.
        sender: `dayreel <dayreel@example.com>`, or the address alone.
        recipients: addresses, separated by commas.
        user, password: None where the server wants none.
    """

    name = "email"

    def __init__(
        self,
        *,
        host: str,
        port: str | int | None,
        sender: str,
        recipients: str,
        clock: Clock,
        user: str | None = None,
        password: SecretStr | str | None = None,
        timeout_s: float = 20,
    ) -> None:
        """Keep the settings; nothing is sent, and nothing is judged: a wrong address must not stop who opens us."""
        self._host, self._given_port = host, port
        self._from, self._to = sender, recipients
        self._user, self._given_password = user, password
        self._port, self._sender, self._recipients, self._password = _TLS_PORT, "", list[str](), ""
        self._clock = clock
        self._timeout_s = timeout_s

    def send(self, permit: Permit, message: Message) -> dict[str, Any]:
        """Send once and return the message's id, and who was refused where others were not. See the contract.

        Raises:
            ConfigurationError: a setting is not what it should be; nothing was sent.
        """
        self._judge()
        mail = self._mail(message)
        attempted = f"send a message about {permit.key.content_id} by mail"
        with self._session(attempted) as smtp:
            with self._typed(attempted):
                refused = self._address(smtp, attempted)
                code, answer = smtp.docmd("DATA")
                if code != 354:  # noqa: PLR2004  RFC 5321: now they wait for the text
                    raise self._refused(attempted, code, answer)
            try:
                smtp.send(_quoted(mail.as_bytes()))
                code, answer = smtp.getreply()
            except OSError as error:  # smtplib's own are, too
                raise self._doubtful(attempted, mail, str(error)) from error
            if not 200 <= code < 300:  # noqa: PLR2004  RFC 5321, 4.2.1: the message is theirs now
                if 400 <= code < 600:  # noqa: PLR2004  what is not a reply proves nothing
                    raise self._refused(attempted, code, answer)
                raise self._doubtful(attempted, mail, f"{code} {answer.decode('utf-8', 'replace')}")
        return {"message_id": str(mail["Message-ID"]), **({"refused": refused} if refused else {})}

    def find(self, marker: str) -> dict[str, Any] | None:
        """Refuse: no mailbox can be asked. See the contract."""
        raise PermanentError(
            attempted=f"look for message {marker!r} in a mailbox",
            answer="a mail server cannot be asked what has arrived",
            next_step="Look into the mailboxes of MAIL_TO.",
        )

    def greet(self) -> None:
        """Open a session and close it again: host, TLS, user and password are good. Sends nothing.

        Raises:
            ConfigurationError, TransientError, PermanentError: as `send`.
        """
        self._judge()
        with self._session("log in at the mail server"):
            pass

    def _judge(self) -> None:
        """Look whether the settings can be used.

        Raises:
            ConfigurationError: one of them is not what it should be.
        """
        self._port = _port_of(self._given_port)
        self._sender, self._recipients = _addresses("MAIL_FROM", self._from)[0], _addresses("MAIL_TO", self._to)
        self._password = reveal(self._given_password, name="MAIL_PASSWORD") if self._given_password else ""
        if self._user and not self._user.isascii():
            raise ConfigurationError(
                "MAIL_USER has letters that no mail server takes.", next_step="Write it as your mail provider does."
            )

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=_SEVEN_BIT)
        first = message.text.strip().splitlines()[0] if message.text.strip() else message.marker
        short = first if len(first) <= _LONGEST_SUBJECT else f"{first[: _LONGEST_SUBJECT - 1]}…"
        mail["Subject"] = f"[dayreel] {short}"
        mail["From"], mail["To"] = self._from, self._to
        mail["Date"] = format_datetime(self._clock.now())
        # The same for the same message to the same people, so that a mail program shows a repeat once.
        digest = hashlib.sha256(f"{message.marker}\n{self._sender}".encode()).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answer comes back
        link = f"\n\n{message.link}" if message.link else ""
        mail.set_content(f"{message.text}{link}\n\n{message.marker}\n")
        return mail

    def _address(self, smtp: smtplib.SMTP, attempted: str) -> list[str]:
        """Say who sends to whom; return whom the server refuses, unless that is everybody."""
        code, answer = smtp.mail(self._sender)
        if code != 250:  # noqa: PLR2004
            raise self._refused(attempted, code, answer)
        refusals = {to: reply for to in self._recipients if (reply := smtp.rcpt(to))[0] not in (250, 251)}
        if len(refusals) == len(self._recipients):
            code, answer = next(iter(refusals.values()))
            raise self._refused(attempted, code, answer)
        return list(refusals)

    @contextmanager
    def _session(self, attempted: str) -> Iterator[smtplib.SMTP]:
        """Give a session in which the server knows us; until a message's data, nothing has happened there."""
        with self._typed(attempted):
            smtp = self._opened()
        try:
            yield smtp
            with suppress(OSError):  # a server may count a client that only hangs up as a bad one; all is done by now
                smtp.quit()
        finally:
            smtp.close()

    def _opened(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        smtp: smtplib.SMTP
        if self._port == _TLS_PORT:
            smtp = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout_s, context=context)
        else:
            smtp = smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
        try:
            smtp.ehlo_or_helo_if_needed()
            if self._port != _TLS_PORT and self._host not in _LOOPBACK:
                smtp.starttls(context=context)
            if self._user:
                smtp.login(self._user, self._password)
        except BaseException:
            smtp.close()
            raise
        return smtp

    @contextmanager
    def _typed(self, attempted: str) -> Iterator[None]:
        """Type what goes wrong before a message's data; then it is certain that nothing was sent."""
        try:
            yield
        except smtplib.SMTPResponseException as error:
            raise self._refused(attempted, error.smtp_code, error.smtp_error) from None  # it has the server's words
        except UnicodeError:
            raise PermanentError(
                attempted=attempted,
                answer="nothing: MAIL_HOST is not a name that can be looked up",
                next_step="Write MAIL_HOST as your mail provider does.",
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise PermanentError(
                attempted=attempted,
                answer=f"a certificate that is not good for {self._host}: {self._readable(error.verify_message)}",
                next_step="Check MAIL_HOST: it has to be the name that is in the server's certificate.",
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(
                attempted=attempted,
                answer=self._readable(str(error)),
                next_step="Use another MAIL_PORT of this server (465, 587): messages are only sent over TLS.",
            ) from error
        except (smtplib.SMTPException, OSError) as error:
            raise TransientError(
                attempted=attempted,
                answer=self._readable(str(error) or type(error).__name__),
                next_step=f"Look whether MAIL_HOST and MAIL_PORT are right: {self._host}:{self._port}.",
            ) from error

    def _refused(self, attempted: str, code: int, answer: bytes | str) -> ProviderError:
        words = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        kind = PermanentError if 500 <= code < 600 else TransientError  # noqa: PLR2004  RFC 5321, 4.2.1
        return kind(
            attempted=attempted,
            answer=f"{code} {self._readable(words)}",
            next_step=NEXT_STEPS.get(code, ""),
            code=str(code),
        )

    def _doubtful(self, attempted: str, mail: EmailMessage, answer: str) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            attempted=attempted,
            answer=self._readable(answer),
            reference=str(mail["Message-ID"]),
            next_step=f"Look whether it is in a mailbox of MAIL_TO; its subject is {str(mail['Subject'])!r}.",
        )

    def _readable(self, words: str) -> str:
        if not self._password:
            return readable(words)
        # As it is, and as the two ways to log in write it: some servers say a line again that they do not understand.
        login = (self._password, f"\0{self._user}\0{self._password}")
        return readable(words, secrets=[self._password, *(b64encode(part.encode()).decode() for part in login)])


def _port_of(port: str | int | None) -> int:
    try:
        number = int(port or _DEFAULT_PORT)
    except ValueError:
        number = 0
    if not 0 < number < 65536:  # noqa: PLR2004
        raise ConfigurationError(f"MAIL_PORT is {port!r}, which is not a port.", next_step="Write 465 or 587.")
    return number


def _quoted(text: bytes) -> bytes:
    """Return a message as it goes over the line: no line of its own is a dot alone (RFC 5321, 4.5.2)."""
    lines = text.removesuffix(b"\r\n").split(b"\r\n")
    return b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines) + b".\r\n"


def _addresses(variable: str, text: str) -> list[str]:
    """Return the bare addresses of a header's text.

    Raises:
        ConfigurationError: one of them is not an address, or there is none.
    """
    parts = [address for _, address in getaddresses([text])]
    # A line break would begin a header of its own.
    if not parts or not text.isprintable() or not all("@" in part and part.isascii() for part in parts):
        raise ConfigurationError(
            f"{variable} is {text!r}, which has something that is not an address.",
            next_step="Write it like ana@example.com, ben@example.com.",
        )
    return parts


def connect(access: Access) -> EmailNotifier:
    """Return the mail server.

    Raises:
        ConfigurationError: in the sandbox world, and without a server.
    """
    if access.sandbox_url is not None:
        raise ConfigurationError(
            "Mail goes to people's real mailboxes, and the sandbox world speaks to nobody outside.",
            next_step="Set DAYREEL_WORLD=live, or use the stand-in of Slack.",
        )
    return EmailNotifier(
        host=access.secret("MAIL_HOST"),
        port=access.variable("MAIL_PORT"),
        sender=access.variable("MAIL_FROM") or "",
        recipients=access.variable("MAIL_TO") or "",
        user=access.variable("MAIL_USER"),
        password=access.variable("MAIL_PASSWORD"),
        clock=access.clock,
    )


def prove(access: Access, _models: Sequence[str]) -> Proof:
    """Log in and out again; whether the addresses are taken only a message shows."""
    connect(access).greet()
    return Proof("the mail server takes user and password")


VENDOR: Final = Vendor(
    name="email",
    label="e-mail",
    family="notifiers",
    about="Mail over SMTP, to one or several people.",
    connect=connect,
    settings=(
        Setting("MAIL_HOST", "your mail provider's SMTP server", secret=False),
        Setting("MAIL_FROM", "the address that messages come from", secret=False),
        Setting("MAIL_TO", "who gets them: addresses, separated by commas", secret=False),
        Setting("MAIL_USER", "the user at that server", secret=False, required=False),
        Setting("MAIL_PASSWORD", "the user's password, mostly one made for this application", required=False),
        Setting("MAIL_PORT", "465 (TLS from the start), or another that offers STARTTLS", secret=False, required=False),
    ),
    can=("messages",),
    prove=prove,
    order=5,
    refusals=frozenset(map(str, NEXT_STEPS)),
)
