"""What the sandbox world remembers: documents in one SQLite file, files beside it, its own time, and the effects.

Everything a vendor must still know after a restart goes through `Store`. What belongs to one vendor's protocol does
not live here, only what all of them share: ids, time, pace, paid generations, live posts, messages.
"""

import hashlib
import json
import shutil
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

from dayreel.clock import Clock, SystemClock
from dayreel.errors import UsageError
from dayreel.sandbox.presets import NEW_DEVELOPER, preset_named

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatDelivery:
    """How a chat sends what people press, see `interactions`.

    Attributes:
        payload: returns what the vendor sends for a press, given the world and the wish for it.
        signed: returns body and headers of the request, given that and the Unix seconds.
        problem: returns what the vendor would not take of the answer, read as JSON; empty where it would.
    """

    payload: Callable[["SandboxWorld", Document], Document]
    signed: Callable[[Document, str], tuple[str, dict[str, str]]]
    problem: Callable[[Any], str]


@dataclass(slots=True)
class Service:
    """What of a stand-in can be armed: its routes, and special kinds of faults with the routes that show them."""

    routes: tuple[str, ...] = ()
    special_faults: dict[str, tuple[str, ...]] = field(default_factory=dict)
    chat: ChatDelivery | None = None


class Store:
    """JSON documents by kind and key, in the order they were first written. Safe to use from several threads.

    Args:
        path: the SQLite file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, making its one table when it is new."""
        self.lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        weakref.finalize(self, self._db.close)
        # A stand-in need not survive a power cut, only a killed process: WAL without fsync gives just that.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
            " key TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, key))"
        )

    def get(self, kind: str, key: str) -> Document | None:
        """Return one document, or None."""
        with self.lock:
            row = self._db.execute("SELECT body FROM documents WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, kind: str, key: str, body: Document) -> Document:
        """Write a document over what was there and return it."""
        with self.lock:
            self._db.execute(
                "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (kind, key, json.dumps(body)),
            )
        return body

    def merge(self, kind: str, key: str, **fields: Any) -> Document:
        """Change some fields of a document in one step and return it whole."""
        with self.lock:
            return self.put(kind, key, {**(self.get(kind, key) or {}), **fields})

    def all(self, kind: str) -> list[Document]:
        """Return every document of a kind, oldest first."""
        with self.lock:
            rows = self._db.execute("SELECT body FROM documents WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def delete(self, kind: str, key: str | None = None) -> None:
        """Forget one document, or every one of a kind."""
        with self.lock:
            if key is None:
                self._db.execute("DELETE FROM documents WHERE kind = ?", (kind,))
            else:
                self._db.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def clear_flag(self, name: str) -> None:
        """Set a field to false in every document, of whatever kind, where it is true."""
        with self.lock:
            self._db.execute(
                "UPDATE documents SET body = json_set(body, '$.' || ?1, json('false'))"
                " WHERE json_extract(body, '$.' || ?1)",
                (name,),
            )

    def count_up(self, name: str) -> int:
        """Return the next number of a named series, from 1."""
        with self.lock:
            value = int((self.get("counter", name) or {"value": 0})["value"]) + 1
            self.put("counter", name, {"value": value})
            return value

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._db.execute("DELETE FROM documents")

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self._db.close()


class SandboxWorld:
    """One sandbox world under one folder.

    Args:
        root: its folder; made when missing. Everything it knows survives in there.
        clock: where real time comes from; world time is this plus what was advanced.
        preset: how a new folder begins, see `presets`; one that was chosen later is remembered in the folder.

    Raises:
        ValueError: there is no such preset.
    """

    def __init__(self, root: Path, *, clock: Clock | None = None, preset: str = NEW_DEVELOPER) -> None:
        """Open or make the world in `root`."""
        preset_named(preset)
        self._first_preset = preset
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.clock = clock or SystemClock()
        self.settlers: list[Callable[[], None]] = []
        self.services: dict[str, Service] = {}
        self.default_pace: Document = {}
        self.store = Store(self.root / "world.sqlite")
        self._salt()

    def _salt(self) -> str:
        """Return what makes this world's ids its own, so that two worlds never hand out the same id."""
        with self.store.lock:
            known = self.store.get("world", "identity") or self.store.put("world", "identity", {"salt": uuid4().hex})
        return str(known["salt"])

    # -- time ---------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the world's present moment, aware, in UTC."""
        shift = float((self.store.get("world", "clock") or {"shift_s": 0.0})["shift_s"])
        return self.clock.now() + timedelta(seconds=shift)

    def advance(self, seconds: float) -> datetime:
        """Move the world's time on (or back) and return the new moment."""
        shift = float((self.store.get("world", "clock") or {"shift_s": 0.0})["shift_s"])
        self.store.put("world", "clock", {"shift_s": shift + seconds})
        return self.now()

    def set_now(self, moment: datetime) -> datetime:
        """Set the world's time; a moment without a zone is taken as UTC."""
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return self.advance((aware - self.now()).total_seconds())

    def age_s(self, iso_moment: str) -> float:
        """Return how many seconds of world time have passed since a moment it wrote down."""
        return (self.now() - datetime.fromisoformat(iso_moment)).total_seconds()

    # -- stand-ins and their settings ---------------------------------------------------------------------

    def offer(
        self,
        service: str,
        routes: Iterable[str],
        *,
        special_faults: Mapping[str, tuple[str, ...]] | None = None,
        pace: Mapping[str, Any] | None = None,
        chat: ChatDelivery | None = None,
    ) -> None:
        """Let a stand-in's routes be armed, its settings be changed, its buttons be pressed; adds to what it had."""
        known = self.services.setdefault(service, Service())
        known.routes = tuple(dict.fromkeys((*known.routes, *routes)))
        known.special_faults |= special_faults or {}
        known.chat = chat or known.chat
        self.default_pace |= pace or {}

    @property
    def preset(self) -> str:
        """The name of the preset, on which the settings are that nobody has changed."""
        return str((self.store.get("world", "preset") or {"name": self._first_preset})["name"])

    def choose_preset(self, name: str) -> None:
        """Begin with another preset; settings that were changed one by one are forgotten.

        Raises:
            ValueError: there is none of that name.
        """
        preset_named(name)
        with self.store.lock:
            self.store.delete("world", "pace")
            self.store.put("world", "preset", {"name": name})

    def _defaults(self) -> Document:
        preset = preset_named(self.preset)
        return {name: preset.get(name, value) for name, value in self.default_pace.items()}

    def pace(self, name: str) -> Any:
        """Return one of the world's settings."""
        changed = self.store.get("world", "pace") or {}
        return changed[name] if name in changed else self._defaults()[name]

    def set_pace(self, changes: Document) -> Document:
        """Change settings and return them all.

        Raises:
            UsageError: a name that is not a setting.
        """
        unknown = sorted(set(changes) - set(self.default_pace))
        if unknown:
            raise UsageError(f"The sandbox world has no setting {unknown[0]!r}; it has {', '.join(self.default_pace)}.")
        return {**self._defaults(), **self.store.merge("world", "pace", **changes)}

    # -- ids and files ------------------------------------------------------------------------------------

    def new_digest(self, series: str) -> str:
        """Return 64 hex digits nobody else has; vendors cut and shape their ids from it."""
        number = self.store.count_up(series)
        return hashlib.sha256(f"{self._salt()}/{series}/{number}".encode()).hexdigest()

    def new_number(self, series: str, digits: int) -> str:
        """Return a decimal id of `digits` digits that grows with each call, as the vendors' ids do."""
        number = self.store.count_up(series)
        # Each series starts elsewhere, or the first container and the first media would share an id.
        scatter = int(hashlib.sha256(f"{self._salt()}/{series}".encode()).hexdigest()[:6], 16) % 10**5
        return str((17 * 10**4 + scatter) * 10 ** (digits - 6) + number * 7919 + scatter)[:digits]

    def folder(self, *parts: str) -> Path:
        """Return a folder of this world, made when missing."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def reset(self) -> None:
        """Forget everything and delete the files; time, preset and settings are again as in a new folder."""
        self.store.clear()
        for name in ("uploads", "files"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        self._salt()

    # -- effects ------------------------------------------------------------------------------------------

    def bill(
        self, *, vendor: str, kind: str, id_: str, model: str, cost_usd: Decimal, prompt: str, **more: Any
    ) -> None:
        """Write down a paid generation, as it would stand on the vendor's invoice.

        Args:
            vendor: who bills it.
            kind: `segment`, `llm` or `speech`.
            id_: the vendor's id.
            model: what was asked to make it.
            cost_usd: what it costs.
            prompt: what was asked for; only its SHA-256 is kept.
            more: further facts worth reading in the list.
        """
        self.store.put(
            "generation",
            f"{vendor}:{id_}",
            {
                "vendor": vendor,
                "kind": kind,
                "id": id_,
                "model": model,
                "created_at": self.now().isoformat(),
                "cost_usd": str(cost_usd),
                "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
                "billed": True,
                **more,
            },
        )

    def bill_tokens(
        self, vendor: str, id_: str, model: str, prompt: str, tokens: tuple[int, int], prices: tuple[Decimal, Decimal]
    ) -> None:
        """Write down a paid answer of a language model; tokens and prices (USD a million) are of input and output."""
        cost = (prices[0] * tokens[0] + prices[1] * tokens[1]) / Decimal(1_000_000)
        counted = {
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "input_usd": f"{prices[0] * tokens[0] / 1_000_000}",
        }
        self.bill(vendor=vendor, kind="llm", id_=id_, model=model, cost_usd=cost, prompt=prompt, **counted)

    def unbill(self, vendor: str, id_: str) -> None:
        """Take a generation off the invoice: the vendor does not charge for failed or cancelled work."""
        self.store.merge("generation", f"{vendor}:{id_}", billed=False)

    def go_live(self, *, platform: str, id_: str, path: str, **facts: Any) -> Document:
        """Write down a post that the public (or its owner) can see from now on.

        Args:
            platform: `instagram`, `tiktok` or `youtube`.
            id_: the platform's id of the post.
            path: its address below the world's own origin.
            facts: caption, sha256 of the bytes, privacy, ai_label and what else the vendor knows.
        """
        return self.store.put(
            "post",
            f"{platform}:{id_}",
            {
                "platform": platform,
                "id": id_,
                "path": path,
                "created_at": self.now().isoformat(),
                "live": True,
                **facts,
            },
        )

    def post(self, platform: str, id_: str) -> Document | None:
        """Return one live post, or None."""
        return self.store.get("post", f"{platform}:{id_}")

    def posts(self, platform: str) -> list[Document]:
        """Return a platform's live posts, oldest first."""
        for settle in self.settlers:
            settle()
        return [post for post in self.store.all("post") if post["platform"] == platform]

    def listed_posts(self, platform: str) -> list[Document]:
        """Return the posts that a platform's own list shows by now, newest first; some appear there minutes later."""
        delay_s = float(self.pace(f"{platform}_listing_s"))
        return [post for post in reversed(self.posts(platform)) if self.age_s(post["created_at"]) >= delay_s]

    def effects(self, origin: str) -> Document:
        """Return every paid generation, live post, message, private answer and open form, as the vendors see them."""
        for settle in self.settlers:
            settle()
        posts = [{**post, "url": origin + post["path"]} for post in self.store.all("post")]
        generations = self.store.all("generation")
        return {
            "generations": [item for item in generations if item["billed"]],
            "unbilled": [item for item in generations if not item["billed"]],
            "posts": posts,
            "messages": self.store.all("message"),
            "whispers": self.store.all("reply_ephemeral"),
            "forms": self.store.all("slack_view"),
        }
