"""One seed from a fresh deployment to its verdict."""

import functools
import gc
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.world.kill_matrix.child import Place, audit, drive, mend, run_child, warm_up
from tests.world.kill_matrix.faults import Row
from tests.world.kill_matrix.plan import Kill, Plan, Swap
from tests.world.kill_matrix.report import Result
from tests.world.kill_matrix.sandbox import WorldProcess

MOST_ROUNDS = 14
MOST_WAIT_S = 90.0
"""So long a process waits for what a lost host holds; a lease is half a minute."""
HURRY_WHEN_STUCK = 25.0
NO_USE = frozenset({"content_filter", "cut", "off_schema", "pause", "refusal", "window"})
"""Faults after which a language model is asked once more."""
Document = dict[str, Any]


class Stage:
    """Everything the scenarios of one worker share.

    Args:
        folder: one of this worker; deleted with everything in it by whoever made it.
        template: a deployment whose catalog is at the newest schema; copied for each scenario.
        media_cache: shared between workers.
        catalogs: makes an empty PostgreSQL catalog and returns its URL; None is SQLite.
        has_hosts: each process that makes and posts is one of another host.
    """

    def __init__(
        self,
        folder: Path,
        world: WorldProcess,
        *,
        template: Path,
        media_cache: Path,
        catalogs: Any = None,
        has_hosts: bool = False,
    ) -> None:
        self._folder = folder
        self._world = world
        self._template = template
        self._media_cache = media_cache
        self._catalogs = catalogs
        self._has_hosts = has_hosts
        self.whole_run_s = 1.0

    def rehearse(self) -> list[str]:
        """Run once undisturbed; fills the caches and returns the names of the checkpoints."""
        quiet = Plan(0, (), (), looks_first=True, real_media=False, renders_s=0.0)
        # Once in this process, so that every child inherits what the SDKs build when they are first used.
        warm_up(self._set_up(quiet))
        gc.collect()
        gc.freeze()  # a collection in a child would copy every page of what it inherited
        ended = self._drive(self._set_up(quiet), quiet, None)
        assert ended.document.get("done"), ended.document
        self.whole_run_s = ended.seconds
        return list(ended.document["passed"])

    def play(self, plan: Plan) -> Result:
        """Run one scenario."""
        started = time.monotonic()
        result = Result(plan.seed)
        place = self._set_up(plan)
        kills, armed, fired, errors = list(plan.kills), list(plan.faults), [], []
        swaps = list(plan.swaps)
        for number in range(MOST_ROUNDS):
            kill = kills.pop(0) if kills else None
            ended = self._drive(place, plan, kill)
            began = time.monotonic()
            while _is_held(ended) and time.monotonic() - began < MOST_WAIT_S:
                time.sleep(1)
                ended = self._drive(place, plan, kill)
                result.waited_s = max(result.waited_s, round(time.monotonic() - began, 1))
            result.resumes += number > 0
            swapped = self._swap(place, swaps.pop(0)) if swaps else 0
            result.swaps += swapped
            if ended.killed:
                result.kills += 1
                grave = self._folder / "grave"
                result.graves.append(grave.read_text(encoding="utf-8") if grave.exists() else "at a random time")
                grave.unlink(missing_ok=True)
                continue
            if kill is not None and kill.name is not None:
                kills.insert(0, kill)  # an error came first; it waits for the next process
            if "crash" in ended.document:
                result.wrong.append(f"the driver crashed: {ended.document['crash']}")
                break
            if ended.document["done"]:
                if swapped or swaps:
                    continue
                break
            errors.append("; ".join(ended.document["errors"]) or "not done, and no error")
            fired += self._world.fired()
            armed = self._let_go(armed, fired)
            result.parked += self._a_person_looks(place, result, refused="the model refused" in errors[-1])
        else:
            result.wrong.append(f"not done after {MOST_ROUNDS} rounds: {' | '.join(errors)}")
        fired += self._world.fired()
        result.fired = sorted({"/".join(fault) for fault in fired})
        self._judge(place, result, fired)
        result.seconds = round(time.monotonic() - started, 3)
        if result.wrong:
            result.wrong.append(f"plan: {plan}; errors on the way: {errors}")
        return result

    def _set_up(self, plan: Plan) -> Place:
        deployment = self._folder / "deployment"
        shutil.rmtree(deployment, ignore_errors=True)
        shutil.copytree(self._template, deployment)
        self._world.begin(seconds=plan.renders_s, faults=plan.faults)
        return Place(
            deployment=deployment,
            world_url=self._world.url,
            media_cache=self._media_cache,
            catalog_url=self._catalogs() if self._catalogs else None,
            hurries=HURRY_WHEN_STUCK if any(row.needs_mending for row in plan.faults) else 1.0,
        )

    def _swap(self, place: Place, swap: Swap) -> int:
        """Do to the catalog's file what somebody does who stops everything first; return whether it was changed."""
        catalog, aside = place.deployment / "var" / "catalog.db", self._folder / "aside.db"
        if swap == "aside":
            with closing(sqlite3.connect(catalog)) as source, closing(sqlite3.connect(aside)) as target:
                source.backup(target)
            return 0
        for file in catalog.parent.glob("catalog.db*"):
            file.unlink()
        shutil.copy(aside if swap == "older" else self._template / "var" / "catalog.db", catalog)
        return 1

    def _drive(self, place: Place, plan: Plan, kill: Kill | None) -> Any:
        act = functools.partial(drive, place, plan, kill, self._folder / "grave")
        share = kill.share if kill else None
        return run_child(
            act,
            self._folder / "answer.json",
            kill_after_s=None if share is None else share * self.whole_run_s,
            is_elsewhere=self._has_hosts,
        )

    def _let_go(self, armed: list[Row], fired: list[tuple[str, str, str]]) -> list[Row]:
        """Mend what fired and needs a person; what has not fired yet stays armed."""
        seen = set(fired)
        left = [row for row in armed if (row.service, row.route, row.kind) not in seen]
        self._world.mend()
        self._world.arm(left)
        return left

    def _a_person_looks(self, place: Place, result: Result, *, refused: bool) -> int:
        act = functools.partial(mend, place, {**self._world.effects(), "refused": refused})
        mended = run_child(act, self._folder / "answer.json").document
        if "crash" in mended:
            result.wrong.append(f"the person was stopped: {mended['crash']}")
            return 0
        return int(mended["parked"])

    # -- the verdict -----------------------------------------------------------------------------------------------

    def _judge(self, place: Place, result: Result, fired: list[tuple[str, str, str]]) -> None:
        books = run_child(functools.partial(audit, place), self._folder / "answer.json").document
        if "crash" in books:
            result.wrong.append(f"the auditor crashed: {books['crash']}")
            return
        seen = self._world.effects()
        # A video that YouTube took and could not convert is seen by nobody, and is not the post.
        _judge_posts(result, books, [post for post in seen["posts"] if not post.get("failure")])
        _judge_segments(result, books, [made for made in seen["generations"] if made["kind"] == "segment"])
        asked = [made for made in seen["generations"] if made["kind"] == "llm"]
        _judge_answers(result, books, len(asked), fired)
        _judge_rest(result, books)


def _is_held(ended: Any) -> bool:
    """Return whether a process did nothing but meet what a lost host still holds."""
    errors = ended.document.get("errors") or []
    return bool(errors) and all("BusyError: Another process" in error for error in errors)


def _judge_posts(result: Result, books: Document, live: list[Document]) -> None:
    count = Counter(post["platform"] for post in live)
    result.posts = len(live)
    result.extra_posts = sum(max(0, number - 1) for number in count.values())
    if count != Counter(books["platforms"]):
        result.wrong.append(f"live posts: {dict(count)}")
    ours = {post["platform"]: post["post_id"] for post in books["posts"]}
    for post in live:
        if post.get("sha256") not in (None, books["video_sha256"]):
            result.wrong.append(f"{post['platform']} shows other bytes than were approved")
        if post["platform"] != "tiktok" and ours.get(post["platform"]) != post["id"]:
            result.wrong.append(f"{post['platform']} shows {post['id']}, our books {ours.get(post['platform'])}")


def _judge_segments(result: Result, books: Document, billed: list[Document]) -> None:
    count = Counter(made["prompt_sha256"] for made in billed)
    result.generations = len(billed)
    result.extra_generations = max(0, len(billed) - books["segments"])
    if len(count) != books["segments"] or len(billed) != books["segments"]:
        result.wrong.append(f"billed segments: {sorted(count.values())} of {books['segments']} planned")
    paid = [effect for effect in books["effects"] if effect["kind"] == "segment"]
    ours = sum((Decimal(effect["cost_usd"]) for effect in paid), Decimal(0))
    theirs = sum((Decimal(made["cost_usd"]) for made in billed), Decimal(0))
    if ours != theirs:
        result.wrong.append(f"segments cost ${theirs} there and ${ours} in our ledger")
    if {effect["request_id"] for effect in paid} != {made["id"] for made in billed}:
        result.wrong.append("the ledger's request ids are not those on the bill")


def _judge_answers(result: Result, books: Document, calls: int, fired: list[tuple[str, str, str]]) -> None:
    """Compare language model calls: one for each document, one more for each answer that was lost or no good."""
    rows = [effect for effect in books["effects"] if effect["kind"] == "llm"]
    lost = sum(row["lost"] for row in rows)
    asked_again = sum(kind in NO_USE for _, _, kind in fired)
    planned = 2
    result.llm_calls, result.llm_lost = calls, lost
    most = planned + lost + asked_again
    if not planned <= calls <= most:
        result.wrong.append(f"{calls} language model calls, {most} at the most ({lost} of them lost)")
    if len(rows) > most:
        result.wrong.append(f"{len(rows)} language model rows in the ledger, {lost} of them lost")


def _judge_rest(result: Result, books: Document) -> None:
    if books["state"] != "posted":
        result.wrong.append(f"the content is {books['state']}")
    if not books["caption"]:
        result.wrong.append("the content has no caption")
    open_ = [
        f"{effect['kind']} {effect['id']} {effect['state']}"
        for effect in books["effects"]
        if effect["state"] != "confirmed"
    ]
    if open_:
        result.wrong.append(f"not confirmed in the ledger: {open_}")
    if [render["state"] for render in books["renders"]] != ["completed"] * books["segments"]:
        result.wrong.append(f"renders: {books['renders']}")
    if not books["is_copied"]:
        result.wrong.append("the copy beside the content says something else than the catalog")
    if books["held"]:
        result.wrong.append(f"held: {books['held']}")
    if result.swaps and books["approved"] != [books["caption"]]:
        result.wrong.append(f"approved: {books['approved']}, and the caption is {books['caption']!r}")
    # TikTok reports the id of a private post late or never, and nothing is measured before.
    if not {"instagram", "youtube"} <= set(books["snapshots"]):
        result.wrong.append(f"measured: {books['snapshots']}")
