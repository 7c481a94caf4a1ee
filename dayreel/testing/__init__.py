"""The contract of a vendor's family, run against its client and its stand-in. For packages that bring vendors, and us.

    @pytest.mark.parametrize("check", checks_of(VENDOR), ids=lambda check: check.__name__)
    def test_the_contract(check, tmp_path):
        with bench(VENDOR, tmp_path, Sample(voice="ana")) as running:
            check(running)

Each check raises `ContractBrokenError` and says what it saw. A vendor that speaks to nobody (a program, a folder) has
the checks that need no stand-in. What a single vendor says and refuses belongs into its own tests. Nothing of dayreel
itself uses this package.
"""

import asyncio
import hashlib
import itertools
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import uvicorn
from starlette.applications import Starlette

from dayreel.clock import SystemClock
from dayreel.errors import (
    ConfigurationError,
    DayreelError,
    PermanentError,
    ProviderError,
    TransientError,
    UnknownOutcomeError,
    UsageError,
)
from dayreel.providers.http import Http
from dayreel.providers.llm.contract import Question
from dayreel.providers.notifiers.contract import Card, Message, ReviewNotifier
from dayreel.providers.platforms.contract import PostRequest
from dayreel.providers.speech.contract import LOOKS_UP, QueuedSpeech, SpeechRequest
from dayreel.providers.video.contract import Lookup, SegmentRequest
from dayreel.rules.signatures import UntrustedRequest, Verified
from dayreel.sandbox.interactions import press
from dayreel.sandbox.world import SandboxWorld
from dayreel.schemas.effect import EffectKey, EffectKind, Permit
from dayreel.testing.proxy import ACTED, SHAPES, HostileProxy, hostile_proxy
from dayreel.testing.quick_server import QuickServer
from dayreel.vendors.access import Access
from dayreel.vendors.model_list import ModelList
from dayreel.vendors.record import Family, Vendor

DEADLINE_S = 60.0
CONTENT_ID = "crafts-2026-11-20"
_ACTS: dict[str, EffectKind] = {
    "llm": "llm",
    "video": "segment",
    "speech": "narration",
    "platforms": "post",
    "notifiers": "notification",
}
"""The families whose call pays, posts or is seen by people, by what the ledger calls that."""


def _acts(record: Vendor) -> bool:
    return record.family in _ACTS and not record.free


_SHORTEST_SECRET = 6
_SHAPE = {
    "type": "object",
    "properties": {"idea": {"type": "string"}},
    "required": ["idea"],
    "additionalProperties": False,
}


class ContractBrokenError(AssertionError):
    """A vendor does not keep its family's contract; says what was seen."""


@dataclass(frozen=True)
class Sample:
    """What a vendor is asked for. Left out, a video vendor's first model is used.

    Attributes:
        fields: of a platform's part of a channel file.
        video: a file that a platform takes or an address is opened for, and how long it is.
        variables: values of its variables, besides those that its record has for the sandbox world.
        stand_in: of a vendor whose record has none, as there.
        address: the variable that holds its address, where people choose it (a server of their own). Such a vendor is
            connected as in the live world, at the stand-in with `path` behind it.
        count: how many effects there are below a folder, for a vendor that leaves them there.
        cleared: what a person has done on a first day, as settings of the world, which has the preset `new_developer`.
    """

    model: str = ""
    voice: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    video: Path | None = None
    duration_s: float = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    stand_in: str = ""
    address: str = ""
    path: str = ""
    count: Callable[[Path], int] | None = None
    cleared: Mapping[str, Any] = field(default_factory=dict)


class _QuickClock:
    """Waits no time and lets the stand-ins' time pass instead."""

    def __init__(self, advance: Callable[[float], Any]) -> None:
        self._advance, self._slept_s, self._began_at = advance, 0.0, SystemClock().now()

    def now(self) -> datetime:
        return self._began_at + timedelta(seconds=self._slept_s)

    def monotonic(self) -> float:
        return self._slept_s

    def sleep(self, seconds: float) -> None:
        self._slept_s += 20 * seconds  # so that a deadline of minutes comes after a few polls
        self._advance(seconds)


@dataclass
class Bench:
    """A vendor's client, its stand-in, and the proxy between them; `handle` is what the last post had recorded."""

    record: Vendor
    sample: Sample
    root: Path
    proxy: HostileProxy
    variables: dict[str, str]
    _await: Callable[[Callable[[SandboxWorld], Awaitable[Any]]], Any]
    handle: dict[str, Any] = field(default_factory=dict)

    def _ask(self, question: Callable[[SandboxWorld], Any]) -> Any:
        async def answer(world: SandboxWorld) -> Any:
            return question(world)

        return self._await(answer)

    def client(self, url: str | None = None, **changes: str | None) -> Any:
        """Return a client; `changes` are other values of its variables, None takes one away."""
        sample, base = self.sample, url or self.proxy.url
        given = {**self.variables, **({sample.address: base + sample.path} if sample.address else {}), **changes}
        variables = {name: value for name, value in given.items() if value is not None}
        clock = _QuickClock(lambda seconds: self._ask(lambda world: world.advance(seconds)))
        if sample.address:
            return self.record.connect(Access("live", variables.get, None, clock, self.root))
        return self.record.connect(Access("sandbox", variables.get, base, clock, self.root))

    def act(self, client: Any) -> Any:
        """Make the one call that its family is about."""
        name, sample = self.record.name, self.sample
        question = Question(sample.model, "You write.", "An idea", _SHAPE, "idea")
        calls: dict[Family, Callable[[], Any]] = {
            "llm": lambda: client.ask(_permit("llm", name), question),
            "video": lambda: self._make_or_list(client),
            "speech": lambda: self._speak(client),
            "notifiers": lambda: client.send(_permit("notification", name), Message("hello", marker="m-1")),
            "platforms": lambda: self._post(client),
            "public_urls": lambda: self._open(client),
            "lookup": lambda: client.movie("Hidden Falls", 2019),
        }
        return calls[self.record.family]()

    def _speak(self, client: Any) -> Any:
        permit = _permit("narration", self.record.name)
        if isinstance(client, QueuedSpeech):
            return client.submit(permit, self.speech)
        return client.speak(permit, self.speech, dest=self.root / "speech")

    def _make_or_list(self, client: Any) -> Any:
        if not self.makes:  # own footage: there is nothing to make
            return client.files(self.video.parent)
        return client.submit(_permit("segment", self.record.name), self.segment())

    def _post(self, client: Any) -> Any:
        self.handle = {}
        return client.post(_permit("post", self.record.name), self.post(), handle={}, record=self._keep)

    def _open(self, client: Any) -> None:
        with client(self.video):
            pass

    @property
    def makes(self) -> bool:
        """Whether a video vendor makes something; own footage is only cut."""
        return bool(ModelList(self.root).names(self.record.name))

    @property
    def video(self) -> Path:
        """The sample's file."""
        if self.sample.video is None:
            raise ValueError(f"the contract of {self.record.family} needs `Sample(video=...)`")
        return self.sample.video

    def _keep(self, handle: dict[str, Any]) -> None:
        self.handle = dict(handle)

    def segment(self) -> SegmentRequest:
        """Return what a video vendor is asked to make."""
        models = ModelList(self.root)
        name = self.record.name
        model = models.video(name, self.sample.model or models.names(name)[0])
        return SegmentRequest(model.model, "Wet clay on a wheel.", model.durations_s[0], next(iter(model.resolutions)))

    def post(self) -> PostRequest:
        """Return what a platform is asked to post."""
        data = self.video.read_bytes()
        return PostRequest(
            content_id=CONTENT_ID,
            video=self.video,
            video_sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            duration_s=self.sample.duration_s,
            title="A quiet loom",
            caption="A quiet loom, wool and water.",
            fields=self.sample.fields,
            marker="dr-0a1b2c3d",
        )

    def effects(self) -> int:
        """Return how many generations, posts and messages there are; what a free voice speaks does not count."""
        if self.sample.count is not None:
            return self.sample.count(self.root)
        effects = self._ask(lambda world: world.effects(""))
        bought = [
            generation
            for generation in effects["generations"]
            if generation["kind"] != "speech" or not self.record.free
        ]
        return len(bought) + len(effects["posts"]) + len(effects["messages"])

    def press(self, wish: dict[str, Any]) -> Any:
        """Return the signed request that a press in its stand-in becomes, see `dayreel.sandbox.interactions`."""
        return self._await(lambda world: press(world, wish))

    def finds(self) -> bool:
        """Return whether what the call did is found again; yes where the vendor has no way to look."""
        client = self.client()
        try:
            if self.record.family == "video":
                return "looks up lost requests" not in self.record.can or len(self.lookup(client).handles) == 1
            if self.record.family == "speech":
                return LOOKS_UP not in self.record.can or len(self.narration(client).handles) == 1
            if self.record.family == "notifiers":
                return "looks up lost messages" not in self.record.can or client.find("m-1") is not None
            if self.record.family == "platforms":
                sent_at = SystemClock().now() - timedelta(minutes=1)
                return bool(client.look_up(self.post(), self.handle, sent_at=sent_at).verdict != "absent")
        except PermanentError:  # a person has to look
            return True
        return True

    def narration(self, client: Any) -> Lookup:
        """Return what a voice's vendor shows of the narration whose answer was lost."""
        key, sent_at = _permit("narration", self.record.name).key, SystemClock().now() - timedelta(minutes=1)
        lookup: Lookup = client.find(key, self.speech, sent_at=sent_at)
        return lookup

    @property
    def speech(self) -> SpeechRequest:
        """What a voice is asked to speak."""
        return SpeechRequest("A quiet loom.", self.sample.voice, model=self.sample.model or None)

    def lookup(self, client: Any, content_id: str = CONTENT_ID) -> Lookup:
        """Return what a video vendor shows of the request of this content whose answer was lost."""
        key, sent_at = _permit("segment", self.record.name, content_id).key, SystemClock().now() - timedelta(minutes=1)
        lookup: Lookup = client.find(key, self.segment(), sent_at=sent_at)
        return lookup

    def _begin(self, world: SandboxWorld) -> None:
        world.reset()
        world.set_pace(dict(self.sample.cleared))

    def outcomes(self, shape: str) -> Iterator[tuple[int, Any]]:
        """Act again and again, the answer to one request after the other spoilt; yield which, and what came of it."""
        for step in itertools.count(1):
            self._ask(self._begin)
            self.proxy.begin(step, shape)
            try:
                outcome = self.act(self.client())
            except DayreelError as error:
                outcome = error
            if not self.proxy.has_turned:
                _expect(step > 1, f"it asks its stand-in for nothing: {outcome!r}")
                return
            yield step, outcome


@contextmanager
def bench(record: Vendor, root: Path, sample: Sample | None = None) -> Iterator[Bench]:
    """Run a vendor's stand-in below `root`, with a proxy in front, until the block ends."""
    sample, world = sample or Sample(), SandboxWorld(root / "world")
    module, _, function = (record.stand_in or sample.stand_in).partition(":")
    app = Starlette(routes=getattr(import_module(module), function)(world) if module else [])
    world.set_pace(dict(sample.cleared))
    with _served(app) as (url, loop), hostile_proxy(url) as proxy:

        def wait_for(question: Callable[[SandboxWorld], Awaitable[Any]]) -> Any:
            async def answer() -> Any:
                return await question(world)

            return asyncio.run_coroutine_threadsafe(answer(), loop).result(DEADLINE_S)

        values = {setting.variable: setting.sandbox for setting in record.settings if setting.sandbox is not None}
        yield Bench(record, sample, root, proxy, {**values, **sample.variables}, wait_for)
    world.store.close()


@contextmanager
def _served(app: Starlette) -> Iterator[tuple[str, asyncio.AbstractEventLoop]]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = QuickServer(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    loop = asyncio.new_event_loop()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", loop
    finally:
        loop.call_soon_threadsafe(server.is_over.set)
        thread.join(DEADLINE_S)


def checks_of(record: Vendor, sample: Sample | None = None) -> list[Callable[[Bench], None]]:
    """Return the checks of a vendor's contract; `sample` matters where it names the stand-in."""
    if not record.stand_in and not (sample and sample.stand_in):
        return [missing_variables_are_named, it_works]
    keys = [wrong_keys_are_refused] if _keys_of(record) else []
    keys += [buttons_decide] if record.chat is not None else []
    checks = [missing_variables_are_named, it_works, no_connection_is_transient, nothing_done_is_denied]
    return [*checks, no_secret_is_shown, connections_have_deadlines, *keys]


def _keys_of(record: Vendor) -> list[str]:
    """Return the variables by which a vendor knows who asks."""
    return [setting.variable for setting in record.settings if setting.secret and setting.required]


def missing_variables_are_named(bench: Bench) -> None:
    """Connecting without a needed variable is a configuration error that names it."""
    for variable in bench.record.needs:
        try:
            bench.client(**{variable: None})
        except ConfigurationError as error:
            _expect(variable in str(error), f"without {variable} it says {error}")
        else:
            raise ContractBrokenError(f"it connects without {variable}")


def it_works(bench: Bench) -> None:
    """The call works, counts once, and what it leaves is whole; the client is called like its record."""
    client = bench.client()
    if bench.record.family == "public_urls":
        _open_and_close(bench, client)
        return
    _expect(client.name == bench.record.name, f"the client is called {client.name!r}")
    answer = bench.act(client)
    if bench.record.stand_in or bench.sample.stand_in or bench.sample.count:
        _expect(bench.effects() == _acts(bench.record), f"{bench.effects()} effects after one call")
    if isinstance(client, QueuedSpeech):
        answer = client.collect(answer, bench.speech, dest=bench.root / "speech")
    if bench.record.family == "speech":
        _expect(answer.path.stat().st_size > 0 and answer.duration_s > 0, f"it says {answer}")
    if LOOKS_UP in bench.record.can:
        handles = bench.narration(client).handles
        _expect(len(handles) == 1, f"one narration was spoken, and {handles} is found")
        again = client.collect(handles[0], bench.speech, dest=bench.root / "again")
        _expect(again.path.read_bytes() == answer.path.read_bytes(), "what is fetched is not what was spoken")
        _expect(again.words == answer.words, f"its words are {again.words}, and were {answer.words}")
    if bench.record.family == "notifiers" and "looks up lost messages" in bench.record.can:
        _expect(client.find("m-1") is not None, "a message that was sent is not found by its marker")
        _expect(client.find("m-2") is None, "a message that nobody sent is found")
    if bench.record.family == "platforms":
        _expect(bench.finds(), "what was posted is not found")
    if bench.record.family == "video" and not bench.makes:
        _expect(bench.video in answer, f"{bench.video.name} is not among {answer}")
    elif bench.record.family == "video":
        _finish(bench, client, answer)
        _is_found(bench, client, answer)


def buttons_decide(bench: Bench) -> None:
    """A card's buttons come back signed, say what was pressed and by whom, and go once the card has an outcome."""
    if bench.record.chat is None:
        raise ValueError(f"{bench.record.name} is not a chat")
    client, card = bench.client(), Card("m-1", "crafts-2026-11-20 1", "A loom", "It weaves", "Wool", (), "http://desk")
    _expect(isinstance(client, ReviewNotifier), "its client does not follow `ReviewNotifier`")
    _expect(bench.record.chat.callbacks(lambda _name: None) is None, "it takes presses that nothing proves")
    callbacks, now = bench.record.chat.callbacks(bench.variables.get), SystemClock().now()
    handle = client.ask(_permit("notification", bench.record.name), card, preview=None)
    wish = {"service": bench.record.name, "user": "U1", "name": "ana", "at": int(now.timestamp())}
    for button in card.buttons:
        request = bench.press({**wish, "button": button})
        headers, body = list(request["headers"].items()), request["body"].encode()
        proof = callbacks.verify(headers, body, now=now)
        _expect(isinstance(proof, Verified), f"it refuses its own press: {proof}")
        _expect(callbacks.verify(headers, body, now=now) == proof, "the same press again is not known again")
        for late in (now + timedelta(hours=1), now - timedelta(hours=1)):
            _expect(isinstance(callbacks.verify(headers, body, now=late), UntrustedRequest), "it takes an old press")
        for forged in (body + b" ", b"", body.replace(b"U1", b"U2")):
            _expect(isinstance(callbacks.verify(headers, forged, now=now), UntrustedRequest), "it takes a forged press")
        pressed = callbacks.read(body)
        read = (pressed.act, pressed.ticket, pressed.person_id, pressed.place)
        place = bench.variables.get(bench.record.chat.room)
        _expect(read == (button, card.ticket, "U1", place), f"{button} pressed by U1 in {place} is read as {read}")
        _expect("token" not in repr(pressed).lower(), f"a press shows what it came with: {pressed!r}")
    client.reply_ephemeral(pressed, "You may not.")
    client.redraw(_permit("notification", bench.record.name), handle, replace(card, outcome="Approved by ana"))
    try:
        bench.press({**wish, "button": "approve"})
    except UsageError:
        return
    raise ContractBrokenError("a card with an outcome still has its buttons")


def _open_and_close(bench: Bench, client: Any) -> None:
    """An address gives the file and parts of it as long as its block runs, and nothing afterwards."""
    http, content = Http("the address", read_s=DEADLINE_S), bench.video.read_bytes()
    with client(bench.video) as url:
        whole = http.send("GET", url, attempted="fetch the file", has_side_effects=False)
        _expect(whole.ok and whole.body == content, f"the file is not what is served: HTTP {whole.status}")
        part = http.send("GET", url, attempted="fetch a part", has_side_effects=False, headers={"Range": "bytes=2-5"})
        _expect(part.body == content[2:6], f"a part is not what is served: HTTP {part.status}, {len(part.body)} bytes")
    try:
        after = http.send("GET", url, attempted="fetch it afterwards", has_side_effects=False)
    except TransientError:  # nobody listens there any more
        return
    _expect(not after.ok, "it is still public after its block")


def _finish(bench: Bench, client: Any, handle: dict[str, Any]) -> None:
    for _ in range(600):
        job = bench.client().follow(handle)  # another process continues from the handle alone
        if job.state in ("done", "failed"):
            break
        threading.Event().wait(0.1)
    _expect(job.state == "done" and job.file_url, f"it ends as {job}")
    client.fetch(job.file_url, bench.root / "segment.mp4")
    _expect((bench.root / "segment.mp4").stat().st_size > 0, "the file is empty")


def _is_found(bench: Bench, client: Any, handle: dict[str, Any]) -> None:
    """What was requested is found by what was sent with it, and nothing that was not; by a vendor that says it can."""
    if "looks up lost requests" not in bench.record.can:
        _raised(PermanentError, lambda: bench.lookup(client))
        return
    name = bench.record.handle
    shown = [known.get(name) for known in bench.lookup(client).handles]
    _expect(shown == [handle[name]], f"{handle[name]!r} was requested, and {shown} is found")
    shown = [known.get(name) for known in bench.lookup(client, "crafts-2026-11-21").handles]
    _expect(not shown, f"{shown} is found for a request that was never sent")


def wrong_keys_are_refused(bench: Bench) -> None:
    """A wrong key is permanent, and nothing is done."""
    keys = [variable for variable in _keys_of(bench.record) if variable != bench.sample.address]
    if not keys:  # its address is all that there is to know
        return
    wrong = dict.fromkeys(keys, "wrong-0123456789-0123456789-0123456789")
    error = _raised(PermanentError, lambda: bench.act(bench.client(**wrong)))
    _expect(bool(error.next_step), f"it says not what to do: {error}")
    _expect(bench.effects() == 0, "it was done all the same")


def no_connection_is_transient(bench: Bench) -> None:
    """Where nobody listens, nothing was done and a later try may help."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    _raised(TransientError, lambda: bench.act(bench.client(url)))


def nothing_done_is_denied(bench: Bench) -> None:
    """Whatever becomes of an answer: what was done is never called undone, never done twice, and doubt is said.

    A receiver that knows a repeat by its key may be sent the same again: there "try again" does no harm.
    """
    knows_repeats = "knows a repeat by its key" in bench.record.can
    acts = _acts(bench.record)
    for shape in ACTED:
        was_done = False
        for step, outcome in bench.outcomes(shape):
            seen = f"request {step}, {shape}: {outcome!r}"
            done = bench.effects()
            was_done |= done > 0
            _expect(done <= 1, f"done {done} times. {seen}")
            _expect(not isinstance(outcome, Exception) or isinstance(outcome, ProviderError), seen)
            _expect(acts or not isinstance(outcome, UnknownOutcomeError), f"a read is in doubt. {seen}")
            undone = PermanentError if knows_repeats else TransientError | PermanentError
            if done and isinstance(outcome, undone):
                raise ContractBrokenError(f"it was done, and is said not to be. {seen}")
            if done and isinstance(outcome, UnknownOutcomeError):
                _expect(bench.finds(), f"it looks up what was lost, and does not find it. {seen}")
            if done and not isinstance(outcome, Exception) and bench.proxy.count == step == 1:
                raise ContractBrokenError(f"it takes no answer for a good one. {seen}")
        _expect(was_done == acts, f"{shape}: nothing was ever done")


def no_secret_is_shown(bench: Bench) -> None:
    """No answer brings a secret into an error, with its causes."""
    values = {**bench.variables, bench.sample.address: bench.sample.path}  # of an address, the path is what opens it
    known = [values.get(setting.variable) or "" for setting in bench.record.settings if setting.secret]
    secrets = [value for value in known if len(value) >= _SHORTEST_SECRET]
    for shape in SHAPES:
        for step, outcome in bench.outcomes(shape):
            shown = "".join(map(repr, _chain(outcome))) if isinstance(outcome, BaseException) else repr(outcome)
            _expect(not any(secret in shown for secret in secrets), f"request {step}, {shape}: a secret is shown")


def connections_have_deadlines(bench: Bench) -> None:
    """No connection may wait for ever."""
    endless: list[str] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        if self.gettimeout() is None and threading.current_thread() is threading.main_thread():
            endless.append(str(address))
        connect(self, address)

    with mock.patch.object(socket.socket, "connect", watched):
        bench.act(bench.client())
    _expect(not endless, f"connections without a timeout: {', '.join(endless)}")


def _chain(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield from (str(error), error, vars(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _raised(kind: type[ProviderError], act: Callable[[], Any]) -> ProviderError:
    try:
        answer = act()
    except ProviderError as error:
        if type(error) is kind:
            return error
        raise ContractBrokenError(f"{kind.__name__} is due, and this came: {error!r}") from error
    raise ContractBrokenError(f"{kind.__name__} is due, and it answered {answer!r}")


def _expect(condition: object, seen: str) -> None:
    if not condition:
        raise ContractBrokenError(seen)


def _permit(kind: EffectKind, target: str, content_id: str = CONTENT_ID) -> Permit:
    # In dayreel the ledger alone makes permits; here no money is spent and nothing is posted.
    return Permit(1, EffectKey(content_id, kind, target, 1, "f" * 64), Decimal("0.50"))
