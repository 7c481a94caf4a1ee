"""What one seed does. The same seed and number of checkpoints give the same plan, whichever worker runs it."""

import random
from dataclasses import dataclass

from tests.world.kill_matrix.faults import ROUNDS, TABLE, Row


@dataclass(frozen=True)
class Kill:
    """When one process dies: at a numbered checkpoint, or after a share of the time a whole run takes."""

    checkpoint: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class Plan:
    """One scenario.

    Attributes:
        kills: one for each process in turn; after the last, processes live.
        faults: armed from the beginning.
        looks_first: whether each resume begins with `reconcile`, as the sweeper does, or goes straight on.
        real_media: whether composition runs ffmpeg, or takes what the same inputs gave before.
        renders_s: how long the world takes to generate and process, in seconds.
    """

    seed: int
    kills: tuple[Kill, ...]
    faults: tuple[Row, ...]
    looks_first: bool
    real_media: bool
    renders_s: float


def plan_of(seed: int, *, checkpoints: int) -> Plan:
    """Return the plan of a seed; even seeds only kill, odd ones arm faults and half of them kill as well.

    Args:
        checkpoints: how many an undisturbed run passes.
    """
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
