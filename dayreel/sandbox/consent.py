"""The consent page of a stand-in, and its codes: good once, for minutes, for one address and one verifier.

What a vendor calls its fields and how it words a refusal is in the vendor's own file. A person allows or denies each
scope on the page and chooses whose account it is; a test posts the same form.
"""

import base64
import hashlib
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from dayreel.sandbox.wire import Call
from dayreel.sandbox.world import Document

ACCOUNTS: Final = ("sandbox_creator", "other_creator")
"""Whose accounts one can consent for: the one of the sandbox's keys, and somebody else's."""
CODE_LIFE_S: Final = 300
_HEX_CHALLENGE: Final = re.compile(r"[0-9a-f]{64}")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class ConsentPage:
    """What a vendor asks of whoever sends somebody to its consent page.

    Attributes:
        name: of the stand-in's setting with the registered redirect addresses, `NAME_redirects`; `*` is any port.
        app_id: the id of the app that the vendor knows.
        scopes: every scope that this app may ask for.
        pkce: how a challenge has to be written; None where the vendor takes none.
        scopes_field: what the answer calls the scopes that were allowed; empty where it does not name them.
        fragment: what the vendor adds behind its answer.
        denied: what the answer holds where somebody does not allow it.
    """

    name: str
    app_id: str
    scopes: tuple[str, ...]
    pkce: Literal["base64url", "hex"] | None
    id_field: str = "client_id"
    separator: str = " "
    scopes_field: str = ""
    fragment: str = ""
    denied: Mapping[str, str] = field(default_factory=lambda: {"error": "access_denied"})

    async def answer(self, call: Call) -> Response:
        """Show the page, or send the browser back with what somebody has decided on it."""
        asked = dict(call.request.query_params)
        problem = self._problem(call, asked)
        if problem:
            # As with the vendors: nobody is sent to an address that is not known to be the app's.
            return HTMLResponse(_page(f"<p>We couldn't log in. Correct this: {html.escape(problem)}</p>"), 400)
        if call.request.method == "GET":
            return HTMLResponse(_page(self._form(asked)))
        form = await call.request.form()
        back = {"state": asked["state"]} if asked.get("state") else {}
        if form.get("decision") != "allow":
            return self._back(asked, {**self.denied, **back})
        granted = [scope for scope in self._wanted(asked) if scope in form.getlist("granted")]
        code = f"code.sandbox-{call.world.new_digest(f'{self.name}_code')[:32]}*0!"
        call.world.store.put(
            f"{self.name}_code",
            code,
            {
                "redirect_uri": asked["redirect_uri"],
                "challenge": asked.get("code_challenge", ""),
                "is_offline": asked.get("access_type") == "offline",
                "scopes": granted,
                "account": str(form.get("account") or ACCOUNTS[0]),
                "issued_at": call.world.now().isoformat(),
                "is_used": False,
            },
        )
        scopes = {self.scopes_field: self.separator.join(granted)} if self.scopes_field else {}
        return self._back(asked, {"code": code, **scopes, **back})

    def redeem(self, call: Call, form: Document) -> Document | str:
        """Return what a code stands for and let it count as used, or why it is worth nothing."""
        store, code = call.world.store, str(form.get("code") or "")
        known = store.get(f"{self.name}_code", code)
        if known is None or known["is_used"]:
            return "The authorization code is invalid or has been used."
        store.merge(f"{self.name}_code", code, is_used=True)
        if call.world.age_s(known["issued_at"]) > CODE_LIFE_S:
            return "The authorization code has expired."
        if form.get("redirect_uri") != known["redirect_uri"]:
            return "The redirect_uri does not match the one of the authorization request."
        if self.pkce and challenge_of(str(form.get("code_verifier") or ""), self.pkce) != known["challenge"]:
            return "Code verifier or code challenge is invalid."
        return known

    def _problem(self, call: Call, asked: Mapping[str, str]) -> str:
        shape = _HEX_CHALLENGE if self.pkce == "hex" else _CHALLENGE
        unknown = [scope for scope in self._wanted(asked) if scope not in self.scopes]
        faults = (
            (asked.get(self.id_field) != self.app_id, self.id_field),
            (asked.get("response_type") != "code", "response_type"),
            (not self._is_registered(call, asked.get("redirect_uri", "")), "redirect_uri"),
            (not self._wanted(asked) or bool(unknown), f"scope {self.separator.join(unknown)}".strip()),
            (
                bool(self.pkce)
                and (
                    asked.get("code_challenge_method") != "S256" or not shape.fullmatch(asked.get("code_challenge", ""))
                ),
                "code_challenge",
            ),
        )
        return next((name for is_wrong, name in faults if is_wrong), "")

    def _is_registered(self, call: Call, address: str) -> bool:
        known = str(call.world.pace(f"{self.name}_redirects")).split()
        return any(re.fullmatch(re.escape(pattern).replace(r"\*", r"\d+"), address) for pattern in known)

    def _wanted(self, asked: Mapping[str, str]) -> list[str]:
        return [scope for scope in asked.get("scope", "").split(self.separator) if scope]

    def _form(self, asked: Mapping[str, str]) -> str:
        scopes = "".join(
            f"<p><label><input type='checkbox' name='granted' value='{html.escape(scope)}' checked> "
            f"{html.escape(scope)}</label></p>"
            for scope in self._wanted(asked)
        )
        accounts = "".join(f"<option>{name}</option>" for name in ACCOUNTS)
        return (
            f"<form method='post' action='?{html.escape(urlencode(asked))}'>"
            f"<p><label>Account <select name='account'>{accounts}</select></label></p>{scopes}"
            "<button name='decision' value='allow'>Allow</button> <button name='decision' value='deny'>Deny</button>"
            "</form>"
        )

    def _back(self, asked: Mapping[str, str], answer: Mapping[str, str]) -> Response:
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}{self.fragment}", 302)


def challenge_of(verifier: str, how: Literal["base64url", "hex"]) -> str:
    """Return the challenge to which a verifier belongs."""
    digest = hashlib.sha256(verifier.encode())
    return digest.hexdigest() if how == "hex" else base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")


def account_of(token: Document | None) -> str:
    """Return whose account a token is for."""
    return str((token or {}).get("account") or ACCOUNTS[0])


def _page(body: str) -> str:
    return f"<!doctype html><meta charset='utf-8'><title>SIMULATED consent</title><h1>SIMULATED consent</h1>{body}"
