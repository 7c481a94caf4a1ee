"""A headless Chromium that tests drive over the DevTools protocol: plain JSON over one websocket, no driver."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import websockets

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PHONE = (390, 844)
DESKTOP = (1280, 900)
DEADLINE_S = 120.0


def find_chromium() -> str | None:
    """Return the browser of this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab. What went wrong in it is kept in `errors`."""

    def __init__(self, socket: websockets.ClientConnection, session: str) -> None:
        self._socket, self._session = socket, session
        self._next = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.errors: list[str] = []

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message of the browser."""
        if "id" in message:
            future = self._waiting.pop(message["id"], None)
            if future is not None and not future.done():
                future.set_result(message)
            return
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.errors.append(str(params["exceptionDetails"].get("exception", params)))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.errors.append(str(params["args"]))

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call one method of the protocol."""
        self._next += 1
        future = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        await self._socket.send(
            json.dumps({"id": self._next, "sessionId": self._session, "method": method, "params": params})
        )
        answer = await asyncio.wait_for(future, DEADLINE_S)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result

    async def say(self, script: str) -> Any:
        """Evaluate JavaScript and return its value; promises are awaited."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, (script, result["exceptionDetails"])
        return result["result"].get("value")

    async def wait(self, script: str, what: str = "", within_s: float = DEADLINE_S) -> Any:
        """Wait until JavaScript says something true; a page that is just being replaced is asked again."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                if value := await self.say(script):
                    return value
            except AssertionError as gone:
                if "context" not in str(gone).lower() and "null" not in str(gone).lower():
                    raise
            assert time.monotonic() < deadline, f"{what or script}: {await self.say('document.body.innerText')}"
            await asyncio.sleep(0.02)

    async def open(self, url: str) -> None:
        """Open an address and wait until it is there."""
        await self.say("window.isOld = true")
        await self.call("Page.navigate", url=url)
        await self.wait("!window.isOld && document.readyState === 'complete'", f"open {url}")

    async def press(self, selector: str) -> None:
        """Click, and wait for the page that it leads to."""
        await self.say("window.isOld = true")
        await self.say(f"document.querySelector({json.dumps(selector)}).click()")
        await self.wait("!window.isOld && document.readyState === 'complete'", f"press {selector}")

    async def type(self, selector: str, text: str) -> None:
        """Put text into a field as typing does."""
        find = f"document.querySelector({json.dumps(selector)})"
        await self.say(f"{find}.focus(), {find}.value = ''")
        await self.call("Input.insertText", text=text)

    async def resize(self, size: tuple[int, int]) -> None:
        """Be seen on a screen of this size; a narrow one is a phone's."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.call("Emulation.setDeviceMetricsOverride", **metrics)

    async def shoot(self, path: Path) -> None:
        """Save a picture of what is seen."""
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))


class Chromium:
    """A running browser; every `tab` of one context shares its cookies."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self._next = 1_000_000
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._contexts: list[str] = []

    async def context(self) -> str:
        """Return a new, empty set of cookies."""
        self._contexts.append(str((await self._call("Target.createBrowserContext"))["browserContextId"]))
        return self._contexts[-1]

    async def forget(self) -> None:
        """Close every tab, and throw away all cookies."""
        while self._contexts:
            await self._call("Target.disposeBrowserContext", browserContextId=self._contexts.pop())

    async def tab(self, context: str, size: tuple[int, int] = PHONE, *, scripts: bool = True) -> Page:
        """Open a tab."""
        target = await self._call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self._socket, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        await page.resize(size)
        if not scripts:
            await page.call("Emulation.setScriptExecutionDisabled", value=True)
        return page

    async def listen(self) -> None:
        """Hand every message to whom it is for, until the browser ends."""
        async for text in self._socket:
            message = json.loads(text)
            if message.get("sessionId") in self._pages:
                self._pages[message["sessionId"]].hear(message)
            elif message.get("id") in self._waiting:
                self._waiting.pop(message["id"]).set_result(message)

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._next += 1
        future = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": self._next, "method": method, "params": params}))
        answer = await asyncio.wait_for(future, DEADLINE_S)
        assert "error" not in answer, (method, answer["error"])
        result: dict[str, Any] = answer["result"]
        return result


@asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Chromium]:
    """Run a browser with an empty profile until the block ends."""
    profile = Path(tempfile.mkdtemp(prefix="dayreel-chromium-"))
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"]
    options += ["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]
    process = subprocess.Popen(
        [path, *options, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port_file, deadline = profile / "DevToolsActivePort", time.monotonic() + DEADLINE_S
        while not port_file.exists() or len(port_file.read_text().split()) < 2:
            assert process.poll() is None, f"{path} ended at once"
            assert time.monotonic() < deadline, f"{path} did not start"
            await asyncio.sleep(0.05)
        port, where = port_file.read_text().split()
        # No pings: between two walks nobody is there to hear the answer.
        endless: dict[str, Any] = {"max_size": None, "ping_interval": None, "proxy": None}
        async with websockets.connect(f"ws://127.0.0.1:{port}{where}", **endless) as socket:
            browser = Chromium(socket)
            listening = asyncio.create_task(browser.listen())
            try:
                yield browser
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(profile, ignore_errors=True)
