"""What one seed does. The same seed and number of checkpoints give the same plan, whichever worker runs it.

Seeds from 0 on are drawn. The few below 0 are written by hand: together they hold every kind of kill and of fault, so
that they are worth a place in a suite that people wait for.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.world.kill_matrix.faults import EVERY_ROW, ROUNDS, TABLE, Row

Swap = Literal["aside", "older", "lost"]
SWAPPED = 1_000_000
"""From this seed on the catalog is put back or lost as well."""


@dataclass(frozen=True)
class Kill:
    """When one process dies: at a checkpoint, by number or by the beginning of its name, or after a share of a run."""

    checkpoint: int | None = None
    name: str | None = None
    share: float | None = None

    def is_at(self, number: int, name: str) -> bool:
        """Whether it comes at this checkpoint."""
        return number == self.checkpoint or (self.name is not None and name.startswith(self.name))


@dataclass(frozen=True)
class Plan:
    """One scenario.

    Attributes:
        kills: one for each process in turn; after the last, processes live.
        faults: armed from the beginning.
        looks_first: whether each resume begins with `reconcile`, as the sweeper does, or goes straight on.
        real_media: whether composition runs ffmpeg, or takes what the same inputs gave before.
        renders_s: how long the world takes to generate and process, in seconds.
        retries_blindly: whether a fault of ours is planted, to see that it is noticed: a ledger without doubts.
        swaps: what becomes of the catalog after each process in turn: it is put aside, `older` (what was put aside
            comes back), or `lost`; the content folders stay.
    """

    seed: int
    kills: tuple[Kill, ...]
    faults: tuple[Row, ...]
    looks_first: bool
    real_media: bool
    renders_s: float
    retries_blindly: bool = False
    swaps: tuple[Swap, ...] = ()


def _by_hand(seed: int, kills: str, faults: str, *, retries_blindly: bool = False) -> Plan:
    named = {str(row): row for row in EVERY_ROW}
    places = [place for place in kills.split(", ") if place]
    return Plan(
        seed=seed,
        kills=tuple(Kill(share=0.3) if place == "some time" else Kill(name=place) for place in places),
        faults=tuple(named[name] for name in faults.split()),
        looks_first=seed % 2 == 0,
        real_media=False,
        renders_s=0.03 if kills else 0.0,
        retries_blindly=retries_blindly,
    )


BY_HAND: Mapping[int, Plan] = {
    plan.seed: plan
    for plan in (
        _by_hand(-1, "before commit (catalog), after rename metadata.json, after POST /anthropic, some time", ""),
        _by_hand(-2, "before rename idea.json, after POST /openai, after commit (money), after POST /fal", ""),
        _by_hand(
            -3,
            "before POST /fal, after GET /fal, before rename video_1, before commit (decisions)",
            "anthropic/messages/window openai/responses/content_filter",
        ),
        _by_hand(
            -4,
            "a block of an upload, before commit (money), after POST /tiktok, after PUT /tiktok",
            "anthropic/messages/pause",
        ),
        _by_hand(-5, "after POST /instagram, after PUT /youtube, after GET /youtube, before rename analytics", ""),
        _by_hand(
            -6,
            "",
            "anthropic/messages/lose_answer openai/responses/lose_answer fal/submit/lose_answer "
            "instagram/container/lose_answer instagram/publish/lose_answer tiktok/upload/lose_answer "
            "youtube/upload/lose_answer",
        ),
        _by_hand(
            -7,
            "",
            "anthropic/messages/error_after_accept openai/responses/answer_after_accept fal/submit/answer_after_accept "
            "instagram/rupload/error_after_accept instagram/publish/answer_after_accept "
            "tiktok/upload/answer_after_accept youtube/upload/answer_after_accept",
        ),
        _by_hand(
            -8,
            "",
            "anthropic/messages/refusal openai/responses/cut fal/file/no_video instagram/rupload/break_off "
            "instagram/publish/error tiktok/init/completed_with_error tiktok/upload/break_off youtube/upload/break_off",
        ),
        _by_hand(
            -9,
            "",
            "anthropic/messages/expired_token openai/responses/quota fal/result/expired_token "
            "instagram/container/stuck instagram/media/quota tiktok/creator/expired_token tiktok/status/quota "
            "youtube/token/expired_token",
        ),
        _by_hand(
            -10,
            "after POST /tiktok",
            "anthropic/messages/off_schema openai/responses/delay fal/file/truncated_file "
            "instagram/container/completed_with_error instagram/insights/error tiktok/status/stuck "
            "youtube/session/completed_with_error",
        ),
        _by_hand(-11, "", "fal/submit/lose_answer", retries_blindly=True),
    )
}
SHORT = tuple(seed for seed, plan in BY_HAND.items() if not plan.retries_blindly)
"""The seeds of the short matrix."""
BLIND_RETRY = -11
"""The seed in which something has to be found."""


def plan_of(seed: int, *, checkpoints: int) -> Plan:
    """Return the plan of a seed; even seeds only kill, odd ones arm faults and half of them kill as well.

    Args:
        checkpoints: how many an undisturbed run passes.
    """
    if seed < 0:
        return BY_HAND[seed]
    if seed >= SWAPPED:
        return _swapped(seed, checkpoints)
    dice = random.Random(f"kill matrix {seed}")
    lap, number = divmod(seed // 2, checkpoints)
    order = list(range(1, checkpoints + 1))
    random.Random(f"order {lap}").shuffle(order)
    faults: tuple[Row, ...] = ()
    kills: list[Kill] = []
    if seed % 2:
        faults = _faults(seed // 2)
        if dice.random() < 0.5:
            kills = [_any_kill(dice, checkpoints)]
    else:
        # The first lap leaves no checkpoint out; later ones die at random as well.
        is_numbered = dice.random() < 0.8 or lap == 0
        kills = [Kill(checkpoint=order[number]) if is_numbered else _any_kill(dice, checkpoints)]
        kills += [_any_kill(dice, checkpoints // 2) for _ in range(dice.choice((0, 0, 1, 2)))]
    return Plan(
        seed=seed,
        kills=tuple(kills),
        faults=faults,
        looks_first=dice.random() < 0.75,
        real_media=dice.random() < 0.04,
        renders_s=dice.choice((0.0, 0.0, 0.03)),
    )


def _swapped(seed: int, checkpoints: int) -> Plan:
    """Return a plan in which two processes die, and the catalog comes back from the first or is lost at the second.

    A third of them also change it once everything is posted.
    """
    dice = random.Random(f"swapped {seed}")
    first = dice.randint(1, checkpoints)
    swaps: list[Swap] = ["aside", dice.choice(("older", "lost"))]
    if dice.random() < 1 / 3:
        swaps.append(dice.choice(("older", "lost")))
    return Plan(
        seed=seed,
        kills=(Kill(checkpoint=first), Kill(checkpoint=dice.randint(1, max(1, checkpoints - first)))),
        faults=(),
        looks_first=dice.random() < 0.5,
        real_media=False,
        renders_s=dice.choice((0.0, 0.03)),
        swaps=tuple(swaps),
    )


def _faults(number: int) -> tuple[Row, ...]:
    """Return one row of each group; every lap pairs them differently."""
    lap, place = divmod(number, ROUNDS)
    chosen: list[Row] = []
    for index, group in enumerate(TABLE):
        order = list(group)
        random.Random(f"faults {lap} {index}").shuffle(order)
        chosen.append(order[place % len(order)])
    # Nobody lists an account's posts before an answer was lost.
    chosen += [Row("instagram", "publish", "lose_answer") for row in chosen if str(row).startswith("instagram/list/")]
    return tuple(chosen)


def _any_kill(dice: random.Random, checkpoints: int) -> Kill:
    if dice.random() < 0.3:
        return Kill(share=dice.random())
    return Kill(checkpoint=dice.randint(1, max(1, checkpoints)))
