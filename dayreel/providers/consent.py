"""The authorization code with PKCE: the address where people consent, and the code's exchange for tokens.

Authlib builds the address, the challenge and the token request; what it sends goes through `Http` like every request,
with deadlines and without a secret in any message. What a vendor's consent is like is in its record.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from dayreel.errors import PermanentError, UsageError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.vendors.access import Access
from dayreel.vendors.consent import Consent

_BEGIN_AGAIN: Final = "Nothing was changed; begin again."


@dataclass(frozen=True)
class Pending:
    """A consent that somebody was asked for, until the browser comes back.

    Attributes:
        url: where the account's owner consents.
        state: what the answer has to bring back.
        verifier: what proves to the vendor that whoever asked is who exchanges the code.
    """

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


def ask_consent(consent: Consent, access: Access, redirect_uri: str) -> Pending:
    """Return what to open in a browser, with a state and a verifier of its own; nothing is sent.

    Raises:
        ConfigurationError: the app's id or secret is not set, or has characters that none has.
    """
    from authlib.common.security import generate_token  # noqa: PLC0415  an eighth of a second

    verifier = generate_token(64)
    more = dict(consent.more)
    if consent.pkce == "hex":
        more |= {
            "code_challenge": hashlib.sha256(verifier.encode("ascii")).hexdigest(),
            "code_challenge_method": "S256",
        }
    client = _client(consent, access, redirect_uri)
    url, state = client.create_authorization_url(
        access.url(*consent.authorize), code_verifier=verifier if consent.pkce == "base64url" else None, **more
    )
    # What Authlib calls the app's id is the standard's name, and not every vendor's.
    return Pending(url.replace("client_id=", f"{consent.id_field}=", 1), redirect_uri, state, verifier)


def exchange_code(
    consent: Consent, access: Access, pending: Pending, answer_url: str, *, vendor: str
) -> dict[str, Any]:
    """Return the vendor's answer to the code that a browser has brought back.

    Args:
        answer_url: the whole address to which the browser was sent.

    Raises:
        UsageError: it is not the answer to this question, or holds neither a code nor a refusal.
        PermanentError: the account's owner has not allowed it; or the vendor does not take the code, the app's id or
            its secret.
        TransientError: the vendor could not be asked. The code is worth nothing afterwards.
    """
    attempted = f"connect the {vendor} account"
    parameters = {name: values[0] for name, values in parse_qs(urlsplit(answer_url).query).items()}
    if not hmac.compare_digest(parameters.get("state", "").encode(), pending.state.encode()):
        raise UsageError(
            "This answer does not belong to the consent that was asked for here: its state is another one.",
            next_step=_BEGIN_AGAIN,
        )
    if "error" in parameters:
        why = parameters.get("error_description") or parameters.get("error_reason") or ""
        raise PermanentError(
            attempted=attempted,
            answer=readable(f"{parameters['error']} {why}".strip(), secrets=(pending.state,)),
            next_step=f"{_BEGIN_AGAIN[:-1]}, and allow it on the page that opens.",
            code=parameters["error"],
        )
    if not parameters.get("code"):
        raise UsageError("The address has no code.", next_step=_BEGIN_AGAIN)
    client = _client(consent, access, pending.redirect_uri, session=_Session(access, vendor, attempted))
    answer: dict[str, Any] = client.fetch_token(
        access.url(*consent.token),
        method=consent.method,
        grant_type="authorization_code",
        code=parameters["code"],
        code_verifier=pending.verifier if consent.pkce else None,
    )
    return answer


def _client(consent: Consent, access: Access, redirect_uri: str, session: "_Session | None" = None) -> Any:
    from authlib.oauth2.client import OAuth2Client  # noqa: PLC0415

    client = OAuth2Client(
        session,
        client_id=reveal(access.secret(consent.app_id), name=consent.app_id),
        client_secret=reveal(access.secret(consent.app_secret), name=consent.app_secret),
        token_endpoint_auth_method=consent.id_field,
        scope=consent.separator.join((*consent.scopes, *consent.optional)),
        redirect_uri=redirect_uri,
        code_challenge_method="S256",
    )

    def in_the_form(app: Any, _method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
        known = {consent.id_field: app.client_id, "client_secret": app.client_secret}
        return uri, headers, f"{body}&{urlencode(known)}"

    client.register_client_auth_method((consent.id_field, in_the_form))
    return client


@dataclass(frozen=True)
class _Session:
    """What Authlib sends through: one attempt, and an answer that is not a token is typed before Authlib reads it."""

    access: Access
    vendor: str
    attempted: str

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> "_Answer":
        """Send a form."""
        return self._send("POST", url, urlencode(data), headers, auth)

    def request(self, method: str, url: str, *, headers: Mapping[str, str], auth: Any) -> "_Answer":
        """Ask with everything in the address."""
        address, _, query = url.partition("?")
        return self._send(method, address, query, headers, auth)

    def _send(self, method: str, url: str, form: str, headers: Mapping[str, str], auth: Any) -> "_Answer":
        _, _, form = auth.prepare(method, url, {}, form)
        fields = dict(parse_qsl(form))
        secrets = [fields[name] for name in ("client_secret", "code", "code_verifier") if name in fields]
        reply = Http(self.vendor, secrets=secrets, clock=self.access.clock).send(
            method,
            url,
            attempted=self.attempted,
            has_side_effects=False,  # a code whose answer is lost is a code that nobody has used
            headers=headers if method == "POST" else {},
            **({"data": form.encode("ascii")} if method == "POST" else {"params": fields}),
        )
        answer = reply.json()
        if not reply.ok or not isinstance(answer, dict) or {"error", "error_type"} & set(answer):
            raise self._refusal(reply, answer if isinstance(answer, dict) else {})
        return _Answer(reply)

    def _refusal(self, reply: Reply, answer: Mapping[str, Any]) -> Exception:
        error = answer.get("error")
        nested = error if isinstance(error, dict) else {}
        code = str(nested.get("code") or nested.get("type") or error or answer.get("error_type") or "")
        why = answer.get("error_description") or answer.get("error_message") or nested.get("message")
        words = readable(f"{code} {why}".strip(), secrets=reply.secrets) if code or why else reply.words
        if reply.status >= 500 or not code:  # noqa: PLR2004  HTTP's own border
            return reply.error(words, next_step=_BEGIN_AGAIN)
        return PermanentError(
            attempted=self.attempted,
            answer=f"HTTP {reply.status}, {words}",
            next_step="Nothing was changed. A code is good once and for minutes: begin again. If it happens again, "
            "compare the app's id, its secret and the registered redirect address with the vendor's console.",
            code=code,
        )


@dataclass(frozen=True)
class _Answer:
    """An answer as Authlib reads one."""

    reply: Reply

    @property
    def status_code(self) -> int:
        """HTTP's status."""
        return self.reply.status

    def json(self) -> dict[str, Any]:
        """Return the document."""
        return self.reply.document()
