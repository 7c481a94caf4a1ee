"""Stand-in for the Edge read-aloud websocket: speech-like sound as MP3 with word boundaries.

Nobody speaks here: each word is a short babble whose length follows the word, so that captions, ducking and lengths can
be built and tested offline.
"""

import array
import asyncio
import hashlib
import html
import json
import math
import random
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from starlette.responses import Response
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from dayreel.sandbox import credentials
from dayreel.sandbox.clips import run_ffmpeg
from dayreel.sandbox.faults import Fault, Faults
from dayreel.sandbox.wire import forget_connection
from dayreel.sandbox.world import Document, SandboxWorld

TICKS_PER_S: Final = 10_000_000
RATE_HZ: Final = 24_000
OUTPUT_FORMAT: Final = "audio-24khz-48kbitrate-mono-mp3"
VOICES: Final = frozenset(
    {
        *(f"en-US-{name}Neural" for name in ("EmmaMultilingual", "AndrewMultilingual", "Aria", "Guy")),
        *("en-GB-SoniaNeural", "en-GB-RyanNeural", "de-DE-KatjaNeural", "fr-FR-DeniseNeural", "es-ES-ElviraNeural"),
    }
)
_PUNCTUATION: Final = '.,;:!?"()[]-\u2013\u2014\u2026'
_CLOSED: Final = ("error_after_accept", "answer_after_accept")  # nothing stands in between a websocket's two ends
_LEAD_IN_S: Final = 0.1
_BLOCK: Final = 720 * 6
_VOWELS: Final = (730, 530, 660, 570, 300)


def mount(world: SandboxWorld) -> list[BaseRoute]:
    """Return the routes under `/speech`."""

    async def speak(socket: WebSocket) -> None:
        await _Conversation(world, socket).run()

    world.offer("speech", ("synthesize",), special_faults={"no_audio": ("synthesize",)})
    return [WebSocketRoute("/speech/{path:path}", speak)]


def _fault_answer(_route: str, fault: Fault) -> Response:
    """Return what an armed fault looks like here."""
    return Response(status_code=fault.status or {"expired_token": 403, "quota": 429}.get(fault.kind, 500))


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """A word and when it is heard, in seconds."""

    text: str
    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class SsmlRequest:
    """What was asked for in SSML."""

    text: str
    voice: str
    rate: float


def read_ssml(ssml: str) -> SsmlRequest | None:
    """Return what an SSML document asks for, or None when it is not one we know."""
    match = re.search(r"<voice name='([^']*)'>\s*<prosody ([^>]*)>(.*?)</prosody>", ssml, re.DOTALL)
    if not match:
        return None
    rate = re.search(r"rate='([+-]\d+)%'", match[2])
    name = match[1]
    long_name = re.search(r"\((\w+-\w+), ([\w-]+)\)", name)
    voice = f"{long_name[1]}-{long_name[2]}" if long_name else name
    return SsmlRequest(html.unescape(match[3]), voice, 1 + int(rate[1]) / 100 if rate else 1.0)


def words_of(speech: SsmlRequest) -> list[SpokenPart]:
    """Return each word with its time: long words last longer, punctuation makes a pause."""
    parts: list[SpokenPart] = []
    at = _LEAD_IN_S
    for token in speech.text.split():
        word = token.strip(_PUNCTUATION)
        if word:
            length = (0.14 + 0.048 * len(word)) / speech.rate
            parts.append(SpokenPart(word, at, length))
            at += length + 0.04 / speech.rate
        at += {",": 0.15, ";": 0.2, ":": 0.2, ".": 0.35, "!": 0.35, "?": 0.35}.get(token[-1], 0.0) / speech.rate
    return parts


def babble(words: list[SpokenPart], voice: str) -> bytes:
    """Return the sound as constant-bitrate MP3: a pitch that wanders, a vowel for each word, soft edges.

    Raises:
        MediaError: ffmpeg could not encode it.
    """
    dice = random.Random(hashlib.sha256(voice.encode()).digest())
    pitch = dice.uniform(105, 215)
    end_s = words[-1].start_s + words[-1].duration_s + 0.3 if words else 0.3
    samples = array.array("h", bytes(2 * int(end_s * RATE_HZ)))
    for word in words:
        vowel = _VOWELS[sum(word.text.encode()) % len(_VOWELS)]
        tone = pitch * (0.92 + 0.16 * ((sum(word.text.encode()) * 7) % 10) / 10)
        start, count = int(word.start_s * RATE_HZ), int(word.duration_s * RATE_HZ)
        low, high = 2 * math.pi * tone / RATE_HZ, 2 * math.pi * round(vowel / tone) * tone / RATE_HZ
        for index in range(count):
            edge = math.sin(math.pi * index / count)
            wave = 0.6 * math.sin(low * index) + 0.4 * math.sin(high * index)
            samples[start + index] = int(11_000 * edge * wave)
    pcm = ["-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1", "-i", "pipe:0"]
    mp3 = ["-c:a", "libmp3lame", "-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3", "pipe:1"]
    return run_ffmpeg([*pcm, *mp3], what="encode simulated speech", data=samples.tobytes())


class _Conversation:
    """One connection: a configuration, an SSML request, and the turn that answers it."""

    def __init__(self, world: SandboxWorld, socket: WebSocket) -> None:
        self._world = world
        self._socket = socket
        self._request_id = uuid4().hex

    async def run(self) -> None:
        """Speak the protocol with one client."""
        transport = forget_connection(self._socket.scope)
        query = self._socket.query_params
        is_known = query.get("TrustedClientToken") == credentials.SPEECH_CLIENT_TOKEN
        if not is_known or not query.get("Sec-MS-GEC") or not query.get("ConnectionId"):
            await self._socket.send_denial_response(Response(status_code=403))
            return
        fault = Faults(self._world).take("speech", "synthesize")
        kind = fault.kind if fault else ""
        if fault and kind == "delay":
            await asyncio.sleep(fault.seconds)
        if fault and kind in ("error", "expired_token", "quota"):
            await self._socket.send_denial_response(_fault_answer("synthesize", fault))
            return
        await self._socket.accept()
        try:
            config = await self._message("speech.config")
            ssml = await self._message("ssml")
            await self._turn(config, ssml, is_lost=kind in ("lose_answer", *_CLOSED), is_mute=kind == "no_audio")
        except WebSocketDisconnect:
            return
        if kind == "lose_answer" and transport is not None:
            transport.abort()
        elif kind in _CLOSED:
            await self._socket.close(1011)

    async def _message(self, path: str) -> str:
        """Return the body of the next message, which must have this path."""
        head, _, body = (await self._socket.receive_text()).partition("\r\n\r\n")
        if f"Path:{path}" not in head:
            await self._socket.close(1007, f"expected {path}")
            raise WebSocketDisconnect(1007)
        return body

    async def _turn(self, config: str, ssml: str, *, is_lost: bool, is_mute: bool) -> None:
        """Answer one SSML request; an unknown voice gives a turn without sound, and now and then a known one does."""
        options = json.loads(config)["context"]["synthesis"]["audio"]
        speech = read_ssml(ssml)
        if options["outputFormat"] != OUTPUT_FORMAT or speech is None:
            await self._socket.close(1007, "unsupported output format or SSML")
            raise WebSocketDisconnect(1007)
        is_speakable = speech.voice in VOICES and bool(words_of(speech)) and not is_mute
        sound = await asyncio.to_thread(babble, words_of(speech), speech.voice) if is_speakable else b""
        if sound:
            self._world.bill(
                vendor="edge-tts",
                kind="speech",
                id_=self._request_id,
                model=speech.voice,
                cost_usd=Decimal(0),
                prompt=speech.text,
                characters=len(speech.text),
            )
        if is_lost:
            return
        await self._say("turn.start", {"context": {"serviceTag": self._request_id}})
        if sound:
            await self._send_sound(speech, options["metadataoptions"], sound)
        await self._say("turn.end", {})

    async def _send_sound(self, speech: SsmlRequest, options: Document, sound: bytes) -> None:
        """Send sound and boundaries in turn, the boundary of a word before most of its sound."""
        marks = words_of(speech) if options.get("wordBoundaryEnabled") == "true" else []
        blocks = [sound[start : start + _BLOCK] for start in range(0, len(sound), _BLOCK)]
        for index, block in enumerate(blocks):
            await self._send_block(block)
            until_s = (index + 1) * _BLOCK * 8 / 48_000
            is_last = index == len(blocks) - 1
            while marks and (is_last or marks[0].start_s < until_s):
                await self._say("audio.metadata", {"Metadata": [_mark(marks.pop(0))]})
        await self._socket.send_bytes(self._binary("Path:audio\r\n", b""))

    async def _send_block(self, block: bytes) -> None:
        await self._socket.send_bytes(self._binary("Content-Type:audio/mpeg\r\nPath:audio\r\n", block))

    def _binary(self, head: str, data: bytes) -> bytes:
        """Frame a binary message: the header's length in two bytes, the header, the data."""
        header = f"X-RequestId:{self._request_id}\r\n{head}".encode()
        return len(header).to_bytes(2, "big") + header + data

    async def _say(self, path: str, body: Any) -> None:
        head = f"X-RequestId:{self._request_id}\r\nContent-Type:application/json; charset=utf-8\r\nPath:{path}"
        await self._socket.send_text(f"{head}\r\n\r\n{json.dumps(body)}")


def _mark(word: SpokenPart) -> Document:
    text = {"Text": html.escape(word.text, quote=False), "Length": len(word.text), "BoundaryType": "WordBoundary"}
    offset, duration = round(word.start_s * TICKS_PER_S), round(word.duration_s * TICKS_PER_S)
    return {"Type": "WordBoundary", "Data": {"Offset": offset, "Duration": duration, "text": text}}
