"""What vendors' SDKs on httpx2 (anthropic, openai, google-genai) raise, as our verdicts.

Which sentence a status deserves is the vendor file's knowledge; here is only what is the same for all of them.
"""

from collections.abc import Mapping

import httpx2

from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import certificate_refused, readable, retry_after_s

_UNUSABLE = (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError)
_NEVER_CONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_CAN_PASS = frozenset({408, 409, 429})
DOUBT = "the tokens may be billed"
"""What is not known of a question whose answer is lost."""


def unanswered(
    cause: BaseException | None, *, vendor: str, attempted: str, doubt: str | None = DOUBT
) -> ProviderError | ConfigurationError:
    """Return the error for a call without an answer.

    Args:
        cause: what the HTTP client raised.
        doubt: what is not known now; None for a read, which leaves nothing in doubt.
    """
    if isinstance(cause, _UNUSABLE):
        return ConfigurationError(
            f"The address or a header for {vendor} cannot be used ({type(cause).__name__}); nothing was sent.",
            next_step=f"Check the base URL and the key of {vendor}.",
        )
    if certificate_refused(cause):
        return PermanentError(
            attempted=attempted,
            answer="its certificate is not trusted here, so nothing was sent",
            next_step="Check the machine's clock, its certificates and any proxy in between.",
        )
    what = type(cause).__name__
    if isinstance(cause, _NEVER_CONNECTED):
        return TransientError(attempted=attempted, answer=f"no connection to {vendor} ({what})")
    return _lost(attempted, f"the answer was lost on the way ({what})", doubt)


def unreadable(attempted: str, what: str, *, doubt: str | None = DOUBT) -> ProviderError:
    """Return the error for an answer that is not what the vendor answers; `doubt` as in `unanswered`."""
    return _lost(attempted, f"something that cannot be read ({what})", doubt)


def _lost(attempted: str, answer: str, doubt: str | None) -> ProviderError:
    if doubt is None:
        return TransientError(attempted=attempted, answer=answer)
    return UnknownOutcomeError(attempted=attempted, answer=f"{answer}; {doubt}")


def answered(
    status: int,
    words: str,
    *,
    attempted: str,
    headers: Mapping[str, str],
    secrets: tuple[str, ...],
    reference: str | None,
    code: str | None,
    next_step: str,
    is_refused: bool,
    final: bool = False,
    doubt: str | None = DOUBT,
    wait_s: float | None = None,
) -> ProviderError:
    """Return the error for an answer that is none: unless it was refused, or to a read, its outcome is in doubt.

    Args:
        words: the vendor's own words; secrets are taken out of them.
        is_refused: the answer is in the vendor's table of `Refusals`.
        final: the vendor says by its code that another try cannot help, whatever the status.
        doubt: as in `unanswered`.
        wait_s: how long to wait by the body; left out, the header's `Retry-After` holds.
    """
    can_pass = (status in _CAN_PASS or status >= 500) and not final  # noqa: PLR2004  HTTP's own border
    in_doubt = doubt is not None and not is_refused
    kind: type[ProviderError] = UnknownOutcomeError
    if not in_doubt:
        kind = TransientError if can_pass else PermanentError
    return kind(
        attempted=attempted,
        answer=f"HTTP {status}, {readable(words, secrets=secrets)}{f'; {doubt}' if in_doubt else ''}",
        reference=reference,
        code=code,
        next_step=next_step,
        retry_after_s=(wait_s if wait_s is not None else retry_after_s(headers)) if can_pass else None,
    )
