"""Microsoft Edge's read-aloud voices through edge-tts: free, without a key and without a promise, so best effort.

The library's `stream_sync` hangs for good when the service errors, so it is never used; every call has a deadline. A
connection that closes in the middle ends its stream like a finished one, which is detected here. A turn without sound
comes for voices that there are not, and now and then for those that there are, so it is asked for again. 24 kHz mono
MP3.
"""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_exponential

from dayreel.clock import Clock, SystemClock
from dayreel.errors import PermanentError, ProviderError, TransientError
from dayreel.providers.http import readable
from dayreel.providers.speech.contract import Speech, SpeechRequest
from dayreel.providers.speech.sound import keep_sound
from dayreel.schemas.content import SpokenWord
from dayreel.schemas.effect import Permit
from dayreel.vendors.access import Access
from dayreel.vendors.record import Vendor

if TYPE_CHECKING:
    from edge_tts import Communicate

STAND_IN_PATH: Final = "/speech/edge/v1"
"""Where the sandbox world serves the websocket."""

_TICKS_PER_S: Final = 10_000_000
_CONNECT_S: Final = 10
_NOT_ENDED: Final = -1
_FORBIDDEN: Final = 403
_BUSY: Final = frozenset({408, 425, 429})
_TRIES: Final = 4
"""How often a text that comes back without sound is asked for, after 1, 2 and 4 seconds."""
_VOICE = "Choose a voice that `edge-tts --list-voices` lists, like en-US-EmmaMultilingualNeural."
_CLOCK = "Check this machine's clock, then update edge-tts; or choose `narration.provider: espeak`."
_CHANGED = "The service has changed: update edge-tts, or choose `narration.provider: espeak`."
_address = threading.Lock()


class EdgeSpeech:
    """Voices of Microsoft Edge, such as `en-US-EmmaMultilingualNeural`.

    Args:
        url: a stand-in's websocket address (`ws://...`); None is the service itself.
        deadline_s: how long one narration may take from start to end, in seconds.
        receive_s: how long the service may be silent, in seconds.
        clock: what is waited on between tries.
    """

    name = "edge"

    def __init__(
        self, *, url: str | None = None, deadline_s: float = 120, receive_s: int = 30, clock: Clock | None = None
    ) -> None:
        """Keep the settings; the library is imported at the first narration."""
        self._url = url
        self._deadline_s = deadline_s
        self._receive_s = receive_s
        self._clock = clock or SystemClock()

    def speak(self, permit: Permit, request: SpeechRequest, *, dest: Path) -> Speech:
        """Write the spoken text to `dest`, as `.mp3`. See the contract for the errors."""
        text, dest = request.text, dest.with_suffix(".mp3")
        attempted = f"speak {len(text)} characters with voice {request.voice!r} of Edge"
        del permit  # it is free
        if not text.strip():
            raise PermanentError(attempted=attempted, answer="there is no text to speak")
        retrying = Retrying(
            retry=retry_if_result(lambda spoken: not spoken[0]),
            stop=stop_after_attempt(_TRIES),
            wait=wait_exponential(),
            sleep=self._clock.sleep,
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        audio, words = retrying(self._spoken, request, attempted)
        if not audio:
            answer = f"no sound, {_TRIES} times: it does not know the voice, or cannot speak the text"
            raise _refused(attempted, answer, _VOICE)
        return Speech(dest, keep_sound(dest, audio, attempted=attempted, unusable=TransientError), words)

    def _spoken(self, request: SpeechRequest, attempted: str) -> tuple[bytes, tuple[SpokenWord, ...]]:
        """Return the sound and the words of one try; nothing of either where the turn ended without sound."""
        import aiohttp  # noqa: PLC0415  comes with edge-tts, and as late
        from edge_tts import Communicate  # noqa: PLC0415  half a second of import
        from edge_tts.exceptions import (  # noqa: PLC0415  the same
            EdgeTTSException,
            NoAudioReceived,
            SkewAdjustmentError,
            WebSocketError,
        )

        try:
            voiced = Communicate(
                request.text,
                request.voice,
                rate=request.rate,
                boundary="WordBoundary",
                connect_timeout=_CONNECT_S,
                receive_timeout=self._receive_s,
            )
            # The library sets both of its sums at each "turn.end", the only sign that a narration is whole. A tenth of
            # a microsecond below zero, which no sum can be, therefore means that none has come yet.
            voiced.state["offset_compensation"] = _NOT_ENDED
            with _listening_at(self._url), ThreadPoolExecutor(1) as thread:
                # A thread of its own, because the caller may already be inside an event loop.
                audio, words = thread.submit(asyncio.run, self._collect(voiced)).result()
        except ValueError as error:
            raise _refused(attempted, readable(str(error)), _VOICE) from None
        except NoAudioReceived:
            if voiced.state["offset_compensation"] == _NOT_ENDED:
                raise TransientError(attempted=attempted, answer="a narration that broke off") from None
            return b"", ()
        except SkewAdjustmentError:
            raise _refused(attempted, "this machine's clock differs too much", _CLOCK) from None
        except aiohttp.ClientResponseError as error:
            raise _by_status(attempted, error.status) from None
        except (WebSocketError, aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(attempted=attempted, answer=f"no whole answer ({type(error).__name__})") from None
        except EdgeTTSException as error:
            raise _refused(attempted, f"something nobody knows ({type(error).__name__})", _CHANGED) from None
        if voiced.state["cumulative_audio_bytes"] != len(audio):
            raise TransientError(attempted=attempted, answer="a narration that broke off")
        return audio, words

    async def _collect(self, voiced: "Communicate") -> tuple[bytes, tuple[SpokenWord, ...]]:
        audio, words = bytearray(), []
        async with asyncio.timeout(self._deadline_s):
            async for chunk in voiced.stream():
                if chunk["type"] == "audio":
                    audio += chunk["data"]
                else:
                    words.append(_word(chunk))
        return bytes(audio), tuple(words)


def connect(access: Access) -> EdgeSpeech:
    """Return Edge's voices as the world of `access` has them."""
    stand_in = access.url("", STAND_IN_PATH).replace("http://", "ws://", 1)
    return EdgeSpeech(url=stand_in or None, clock=access.clock)


def _word(chunk: Any) -> SpokenWord:
    start, end = max(0, chunk["offset"]), chunk["offset"] + chunk["duration"]
    return SpokenWord(text=chunk["text"], start_s=round(start / _TICKS_PER_S, 6), end_s=round(end / _TICKS_PER_S, 6))


@contextmanager
def _listening_at(url: str | None) -> Iterator[None]:
    """Point the library at a stand-in for one narration; it has no setting for this, only a name in a module.

    One narration at a time meanwhile, and the name is put back: nobody else in this process sees the stand-in.
    """
    if url is None:
        yield
        return
    from edge_tts import communicate, constants  # noqa: PLC0415  half a second of import

    # The library appends "&ConnectionId=..." to it.
    query = "" if "?" in url else f"?TrustedClientToken={constants.TRUSTED_CLIENT_TOKEN}"
    with _address:
        before = vars(communicate)["WSS_URL"]
        vars(communicate)["WSS_URL"] = url + query
        try:
            yield
        finally:
            vars(communicate)["WSS_URL"] = before


def _refused(attempted: str, answer: str, step: str) -> PermanentError:
    return PermanentError(attempted=attempted, answer=answer, next_step=step)


def _by_status(attempted: str, status: int) -> ProviderError:
    answer = f"HTTP {status} instead of a websocket"
    if status >= 500 or status in _BUSY:  # noqa: PLR2004  HTTP's own border
        return TransientError(attempted=attempted, answer=answer)
    return _refused(attempted, answer, _CLOCK if status == _FORBIDDEN else _CHANGED)


VENDOR: Final = Vendor(
    name="edge",
    family="speech",
    free=True,
    about="The voices of Microsoft Edge, through edge-tts. Free, without a key and without a promise.",
    connect=connect,
    can=("narration", "word timings"),
    order=1,
    stand_in="dayreel.sandbox.speech:mount",
)
