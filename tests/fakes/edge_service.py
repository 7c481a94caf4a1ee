"""A stand-in for Edge's read-aloud websocket that speaks one word per message, and breaks where it is set to."""

import asyncio
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import imageio_ffmpeg
from aiohttp import WSMsgType, web

from tests.waiting import WITHIN_S

Mood = Literal[
    "speak", "close_at_once", "close_in_the_middle", "no_audio", "hang", "forbid", "busy", "nonsense", "not_mp3"
]
WORD_S = 0.4


@cache
def beep(seconds: float) -> bytes:
    """Return an MP3 as the service sends it: 24 kHz, 48 kbit/s, mono, without a header frame."""
    source = f"sine=frequency=440:duration={seconds}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-ar", "24000", "-ac", "1"]
    shape = ["-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3", "-"]
    return subprocess.run([*command, *shape], capture_output=True, check=True).stdout


@dataclass
class EdgeService:
    """`asked` holds the SSML of every narration."""

    mood: Mood = "speak"
    url: str = ""
    asked: list[str] = field(default_factory=list)
    configured: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))
        if self.mood in ("forbid", "busy"):
            return web.Response(status=403 if self.mood == "forbid" else 503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.configured.append(str((await socket.receive()).data))
        ssml = str((await socket.receive()).data)
        self.asked.append(ssml)
        await self._speak(socket, ssml)
        await socket.close()
        return socket

    async def _speak(self, socket: web.WebSocketResponse, ssml: str) -> None:
        if self.mood == "hang":
            async for message in socket:
                assert message.type is not WSMsgType.TEXT
            return
        if self.mood == "close_at_once":
            return
        if self.mood == "nonsense":
            await socket.send_str("Path:something.new\r\n\r\n{}")
            return
        if self.mood != "no_audio":
            words = ssml.rpartition("'>")[2].partition("</prosody>")[0].split()
            audio = b"not an mp3 at all " * 300 if self.mood == "not_mp3" else beep(WORD_S * len(words))
            for number, word in enumerate(words):
                if self.mood == "close_in_the_middle" and number == len(words) // 2:
                    return
                await self._say(
                    socket, number, word, audio[number * len(audio) // len(words) :], len(audio), len(words)
                )
        await socket.send_str("Path:turn.end\r\n\r\n{}")

    async def _say(
        self, socket: web.WebSocketResponse, number: int, word: str, rest: bytes, total: int, words: int
    ) -> None:
        tick = 10_000_000
        data = {"Offset": int(number * WORD_S * tick), "Duration": int(0.3 * tick), "text": {"Text": word}}
        boundary = {"Metadata": [{"Type": "WordBoundary", "Data": data}]}
        await socket.send_str("Path:audio.metadata\r\n\r\n" + json.dumps(boundary))
        head = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nPath:audio\r\n"
        share = (number + 1) * total // words - number * total // words
        # The two bytes of length stand before the header, and the library reads them as part of its first line.
        await socket.send_bytes(len(head).to_bytes(2, "big") + head + rest[:share])


@contextmanager
def edge_service(mood: Mood = "speak") -> Iterator[EdgeService]:
    """Run the service until the block ends."""
    service = EdgeService(mood)
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/edge/v1", service.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        service.url = f"ws://{host}:{port}/edge/v1"
        ready.set()
        await done.wait()
        await runner.cleanup()

    def run() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(WITHIN_S)
    try:
        yield service
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(WITHIN_S)
        assert not thread.is_alive(), "the service did not stop"
