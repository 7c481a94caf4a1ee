"""What the two vendors' SDKs raise, as our verdicts. Both come from one generator and share httpx2 underneath.

Which sentence a status deserves is the vendor file's knowledge; here is only what is the same for both.
"""

from collections.abc import Mapping

import httpx2

from dayreel.errors import ConfigurationError, PermanentError, ProviderError, TransientError, UnknownOutcomeError
from dayreel.providers.http import certificate_refused, readable, retry_after_s

_UNUSABLE = (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError)
_NEVER_CONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_CAN_PASS = frozenset({408, 409, 429})


def unanswered(cause: BaseException | None, *, vendor: str, attempted: str) -> ProviderError | ConfigurationError:
    """Return the error for a call without an answer; `cause` is what the SDK's connection error was raised from."""
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
    return UnknownOutcomeError(
        attempted=attempted,
        answer=f"the answer was lost on the way ({what}); the tokens may be billed",
    )


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
) -> ProviderError:
    """Return the error for an answer that is none: unless it was refused, its tokens may be billed.

    Args:
        words: the vendor's own words; secrets are taken out of them.
        is_refused: the answer is in the vendor's table of `Refusals`.
        final: the vendor says by its code that another try cannot help, whatever the status.
    """
    can_pass = (status in _CAN_PASS or status >= 500) and not final  # noqa: PLR2004  HTTP's own border
    kind: type[ProviderError] = UnknownOutcomeError
    if is_refused:
        kind = TransientError if can_pass else PermanentError
    billed = "" if is_refused else "; the tokens may be billed"
    return kind(
        attempted=attempted,
        answer=f"HTTP {status}, {readable(words, secrets=secrets)}{billed}",
        reference=reference,
        code=code,
        next_step=next_step,
        retry_after_s=retry_after_s(headers) if can_pass else None,
    )
