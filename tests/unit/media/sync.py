"""What a stretch that was cut shows and lets hear, against what its source does at the same moments."""

from dataclasses import dataclass

from tests.unit.media.films import RATE, Shown

_LATEST_SOUND_S = 0.02
_CUT_OFF_S = 0.03
_MOVED_S = 0.004
"""A picture may be moved by a tick of Matroska and one of MPEG-TS, and with its sound where that begins below zero."""
_HZ = 140
"""Beeps are 300 Hz apart."""


@dataclass(frozen=True)
class Differences:
    """What is wrong with a stretch: pictures that stand elsewhere, pictures that are missing, the worst beep."""

    moved: tuple[tuple[float, int], ...]
    lost: tuple[int, ...]
    sound_off_s: float

    @property
    def is_in_sync(self) -> bool:
        """Return whether nothing is moved or lost, and no beep is off by more than 20 ms."""
        return not self.moved and not self.lost and self.sound_off_s <= _LATEST_SOUND_S


def compare(source: Shown, stretch: Shown, at_s: float, lasts_s: float) -> Differences:
    """Compare a stretch that begins at `at_s` of `source`, at 60 pictures a second, with it.

    A picture may stand half a picture of the stretch from its moment, or one of the source's where that is longer; it
    is not missed where it was shown more shortly.
    """
    intervals = [end - begin for begin, end, _ in source.lasting]
    may_differ_s = max(0.5 / RATE, min(*intervals, 0.05)) + 0.001
    moved = tuple((t, number) for t, number in stretch.pictures if not _stands(source, at_s + t, number, may_differ_s))
    shown = {number for _, number in stretch.pictures}
    lost = tuple(
        number
        for begin, end, number in source.lasting
        if at_s + may_differ_s <= begin and end <= at_s + lasts_s - may_differ_s and number not in shown
        if end - begin >= 1 / RATE - 0.0006
    )
    due = [beep for beep in source.beeps if at_s + _CUT_OFF_S <= beep[0] < at_s + lasts_s - 0.1]
    off = (
        min((abs(at_s + t - second) for t, hertz in stretch.beeps if abs(hertz - hz) < _HZ), default=lasts_s)
        for second, hz in due
    )
    return Differences(moved, lost, max(off, default=0.0))


def compare_whole(source: Shown, copy: Shown) -> Differences:
    """Compare a copy with all of its source, whose pictures it must show each at its moment, and no other."""
    moments, due_s = _first_moments(copy), _first_moments(source)
    moved = tuple(
        (second, number) for number, second in due_s.items() if abs(moments.get(number, second) - second) > _MOVED_S
    )
    foreign = tuple((second, number) for second, number in copy.pictures if number not in due_s)
    lost = tuple(number for number in due_s if number not in moments)
    off = (
        min((abs(t - due) for t, hertz in copy.beeps if abs(hertz - hz) < _HZ), default=9.0) for due, hz in source.beeps
    )
    return Differences(moved + foreign, lost, max(off, default=0.0))


def _first_moments(shown: Shown) -> dict[int, float]:
    """Return when each picture came on, by its number: a picture that is held for long may stand in several frames."""
    moments: dict[int, float] = {}
    for second, number in shown.pictures:
        moments.setdefault(number, second)
    return moments


def _stands(source: Shown, moment: float, number: int, may_differ_s: float) -> bool:
    first, last = source.lasting[0], source.lasting[-1]
    if moment < first[0] and number == first[2]:
        return True
    if moment > last[1] - may_differ_s and number == last[2]:
        return True
    return any(
        number == shown and begin - may_differ_s <= moment < end + may_differ_s for begin, end, shown in source.lasting
    )
