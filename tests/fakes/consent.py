"""The owner of an account at a stand-in's consent page, as a browser without a screen."""

from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

import requests

from dayreel.sandbox import credentials
from dayreel.vendors.consent import Consent


def app_of(consent: Consent) -> dict[str, str]:
    """Return the id and the secret of the app that the stand-in knows."""
    return {name: credentials.SANDBOX_CREDENTIALS[name] for name in (consent.app_id, consent.app_secret)}


def decide_on(url: str, *, allow: bool = True, account: str = "sandbox_creator", without: Sequence[str] = ()) -> str:
    """Open a consent page, press a button, and return the address to which the browser is sent."""
    page = requests.get(url, timeout=10)
    assert page.status_code == 200, page.text
    asked = parse_qs(urlsplit(url).query)["scope"][0].replace(",", " ").split()
    form = {
        "account": account,
        "granted": [scope for scope in asked if scope not in without],
        "decision": "allow" if allow else "deny",
    }
    answer = requests.post(url, data=form, timeout=10, allow_redirects=False)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]
