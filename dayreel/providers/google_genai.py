"""Google's Gemini API through google-genai: client, errors and proof, whatever is asked of it.

What is asked, and what an answer means, is the vendor file's. The SDK is an extra of the package, and is imported when
something is asked; for keys of this API it makes no video. Protocol facts: SDK 3.6.1; ai.google.dev, "API errors" and
"Billing", read on 2026-12-01 in stored copies.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from dayreel.errors import ConfigurationError, ProviderError
from dayreel.providers.http import Http, Refusals, Reply, reveal
from dayreel.providers.proofs import part_of, prove_models
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof, Setting

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.errors import APIError

BASE_URL: Final = "https://generativelanguage.googleapis.com"
MOUNTED_AT: Final = "/gemini"
"""Where the stand-in answers in the sandbox world."""
KEY: Final = Setting("GEMINI_API_KEY", "aistudio.google.com, API keys", sandbox="sandbox-gemini-key")
VERSION: Final = "v1"
"""What the SDK takes by itself; given, so that no variable of the environment changes it."""
_INSTALL: Final = "Install it: `pip install 'dayreel[gemini]'`, or `.venv/bin/pip install google-genai` in a checkout."
_BILLING: Final = "Set up billing, or add credit, for the project of the key (aistudio.google.com, Billing)."
OUT_OF_CREDIT: Final = "out_of_credit"
NEXT_STEPS: Final[Mapping[str, str]] = {
    "API_KEY_INVALID": "Check GEMINI_API_KEY (aistudio.google.com, API keys).",
    "SERVICE_DISABLED": "Enable the Generative Language API in the project of the key (console.cloud.google.com, APIs "
    "& Services), wait some minutes, and try again.",
    "API_KEY_SERVICE_BLOCKED": "Let the key use the Generative Language API (console.cloud.google.com, Credentials), "
    "or make another at aistudio.google.com, API keys.",
    "INVALID_ARGUMENT": "Check the model and the prompt templates of this channel.",
    "FAILED_PRECONDITION": "Google offers the Gemini API, or its free tier, not everywhere: set up billing for the "
    "project of the key (aistudio.google.com, Billing), or choose another vendor for where this machine stands.",
    "UNAUTHENTICATED": "Check GEMINI_API_KEY (aistudio.google.com, API keys).",
    "PERMISSION_DENIED": "Let the key's project use the model; a key that was reported as leaked has to be replaced "
    "(aistudio.google.com, API keys).",
    "NOT_FOUND": "Choose a `model` in the channel file that Google has; `dayreel doctor --live` asks for it.",
    "RESOURCE_EXHAUSTED": "It is tried again later. A project without billing has few requests a minute and a day "
    "(aistudio.google.com, Rate limits); those of a day return at midnight, Pacific time.",
    OUT_OF_CREDIT: f"{_BILLING} Or choose a `model` that has a free quota.",
    "INTERNAL": "It is tried again later.",
    "UNAVAILABLE": "It is tried again later; another model may be less busy.",
}
"""The error's reason or status to what a person can do; `out_of_credit` is ours, for the 429 that no waiting mends."""
_ERRORS: Final = "ai.google.dev, API errors: refused before a model is run"
REFUSALS: Final[Refusals] = dict.fromkeys(
    (
        (400, "INVALID_ARGUMENT"),
        (400, "FAILED_PRECONDITION"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
    ),
    _ERRORS,
)
"""Requests that were not begun, by HTTP status and the error's `status`; what else costs nothing is the vendor's."""
# A quota of 0 (a model without a free tier), or a prepaid account at its end.
_NO_CREDIT_WORDS: Final = ("limit: 0", "credits are depleted")


def connect_client(access: Access, *, timeout_s: float) -> "Client":
    """Return the SDK's client: one attempt a call, no address and no key but ours.

    Args:
        timeout_s: how long an answer may take, in seconds, unless the call's `http_options` say otherwise.

    Raises:
        ConfigurationError: the SDK is not installed, or GEMINI_API_KEY is not set.
    """
    key = reveal(access.secret(KEY.variable), name=KEY.variable)
    try:
        import google.genai as genai  # noqa: PLC0415, PLR0402  seconds of import, for nothing when nothing is asked

        from dayreel.providers.sdk_client import http_client, unused_async_client  # noqa: PLC0415  brings httpx2
    except ImportError as error:
        raise ConfigurationError(
            f"Gemini needs the package google-genai, which cannot be imported ({error}).", next_step=_INSTALL
        ) from None
    options = genai.types.HttpOptions(
        base_url=access.url(BASE_URL, MOUNTED_AT),
        api_version=VERSION,
        timeout=round(timeout_s * 1000),
        httpx_client=http_client(),
        httpx_async_client=unused_async_client(),  # or the SDK makes two of its own
    )
    # Without `retry_options` the SDK tries once. `vertexai` is said, for a variable would switch it on.
    return genai.Client(vertexai=False, api_key=key, http_options=options)


@contextmanager
def typed_errors(access: Access, attempted: str, *, refusals: Refusals, doubt: str | None) -> Iterator[None]:
    """Run one call of the SDK, and raise what it raises as our errors.

    Args:
        attempted: a clause for messages.
        refusals: `REFUSALS`, and what else the documents say costs nothing.
        doubt: what is not known after a lost answer ("the tokens may be billed"); None for a read.

    Raises:
        TransientError, PermanentError, UnknownOutcomeError, ConfigurationError: see `providers.sdk_errors`.
    """
    import httpx2  # noqa: PLC0415  loaded by now
    from google.genai import errors  # noqa: PLC0415  the same

    from dayreel.providers.sdk_errors import unanswered, unreadable  # noqa: PLC0415  brings httpx2

    try:
        yield
    except errors.APIError as error:
        key = reveal(access.secret(KEY.variable), name=KEY.variable)
        raise _answered(error, attempted, key=key, refusals=refusals, doubt=doubt) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise unanswered(error, vendor="Google", attempted=attempted, doubt=doubt) from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # the SDK looks into an answer of another shape
        raise unreadable(attempted, type(error).__name__, doubt=doubt) from None


def _answered(error: "APIError", attempted: str, *, key: str, refusals: Refusals, doubt: str | None) -> ProviderError:
    from dayreel.providers.sdk_errors import answered  # noqa: PLC0415  brings httpx2

    body = error.details if isinstance(error.details, dict) else {}
    # A page of a proxy has no `error`; the SDK takes its reason phrase for a status.
    refusal = body["error"] if isinstance(body.get("error"), dict) else {}
    status, words = str(refusal.get("status") or ""), str(refusal.get("message") or error.message or "no words")
    details = _details(refusal)
    broke = status == "RESOURCE_EXHAUSTED" and _is_out_of_credit(words, details)
    code = OUT_OF_CREDIT if broke else str(details.get("ErrorInfo", {}).get("reason") or status)
    return answered(
        error.code,
        f"{status}: {words}" if status else words,
        attempted=attempted,
        headers=getattr(error.response, "headers", {}),
        secrets=(key,),
        reference=None,
        code=code,
        next_step=NEXT_STEPS.get(code) or NEXT_STEPS.get(status, ""),
        is_refused=(error.code, status) in refusals,
        final=broke,
        doubt=doubt,
        wait_s=_delay_s(details.get("RetryInfo", {})),
    )


def _details(error: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the details of an error by the last part of their type, such as `RetryInfo`."""
    parts = error.get("details")
    rows = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return {str(row.get("@type")).rpartition(".")[2]: row for row in rows}


def _is_out_of_credit(words: str, details: Mapping[str, Mapping[str, Any]]) -> bool:
    violations = details.get("QuotaFailure", {}).get("violations") or []
    values = [str(row.get("quotaValue")) for row in violations if isinstance(row, dict)]
    return "0" in values or any(part in words for part in _NO_CREDIT_WORDS)


def _delay_s(retry_info: Mapping[str, Any]) -> float | None:
    """Return the wait of a `RetryInfo`, whose `retryDelay` is written like `28.5s`."""
    try:
        return max(0.0, float(str(retry_info["retryDelay"]).removesuffix("s")))
    except (KeyError, ValueError):
        return None


def prove(access: Access, models: Sequence[str]) -> Proof:
    """Ask for each model; without any, for the list. The SDK is not needed for it, and is missed where it is not there.

    Raises:
        ProviderError: Google refuses the key.
    """
    key = reveal(access.secret(KEY.variable), name=KEY.variable)

    def refused(reply: Reply) -> ProviderError:
        error = part_of(reply, "error")
        status, reason = str(error.get("status") or ""), _details(error).get("ErrorInfo", {}).get("reason")
        code = str(reason or status or reply.status)
        step = NEXT_STEPS.get(code) or NEXT_STEPS.get(status, "")
        return reply.error(str(error.get("message") or reply.words), next_step=step, code=code)

    http = Http("Google", headers={"x-goog-api-key": key}, secrets=(key,))
    proof = prove_models(http, f"{access.url(BASE_URL, MOUNTED_AT)}/{VERSION}/models", models, refused)
    if proof.problem or _is_installed():
        return proof
    return Proof(proof.found, "the package google-genai is not installed", _INSTALL)


def _is_installed() -> bool:
    try:
        return find_spec("google.genai") is not None
    except ModuleNotFoundError:  # nothing of `google` is there
        return False
