"""Whether the checks of a final video let it be approved and go out: each passed, or waived by a named person. Pure.

Measuring is `media.checks`; which checks a content has is `queries.quality`; waiving one is `services.reviewing.waive`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dayreel.schemas.content import CheckResult


@dataclass(frozen=True)
class Waiver:
    """A person's word that one failed check of one video does not matter; the columns of `waivers`.

    It is for exactly what was measured: other bytes, or another measure or demand, are not waived.
    """

    content_id: str
    check_name: str
    video_sha256: str
    value: str
    expected: str
    reason: str
    waived_by: str
    via: str
    waived_at: datetime


@dataclass(frozen=True)
class JudgedCheck:
    """A check's result, and the waiver that covers it, if it failed and there is one."""

    result: CheckResult
    waiver: Waiver | None

    @property
    def name(self) -> str:
        """The check's name."""
        return self.result.name

    @property
    def is_failed(self) -> bool:
        """Whether it keeps the video from being approved."""
        return not self.result.passed and self.waiver is None

    @property
    def verdict(self) -> str:
        """`passed`, `-` where there was nothing to measure, `waived` or `FAILED`."""
        if self.result.passed:
            return "passed" if self.result.is_measured else "-"
        return "FAILED" if self.waiver is None else "waived"

    @property
    def sentence(self) -> str:
        """What was measured, and who waived it and why."""
        if self.waiver is None:
            return self.result.message
        return f"{self.result.message} Waived by {self.waiver.waived_by}: {self.waiver.reason}"


def judged(
    checks: Iterable[CheckResult], waivers: Iterable[Waiver], *, video_sha256: str | None
) -> tuple[JudgedCheck, ...]:
    """Return the checks of the video with these bytes, each with its waiver; what was not passed comes first."""
    covers = {
        (waiver.check_name, waiver.value, waiver.expected): waiver
        for waiver in waivers
        if waiver.video_sha256 == video_sha256
    }
    results = (
        JudgedCheck(check, None if check.passed else covers.get((check.name, check.value, check.expected)))
        for check in checks
    )
    return tuple(sorted(results, key=lambda check: (not check.is_failed, check.result.passed)))


def failed_checks(checks: Iterable[JudgedCheck]) -> tuple[JudgedCheck, ...]:
    """Return the checks that keep a video from being approved and from going out."""
    return tuple(check for check in checks if check.is_failed)


def summary(checks: Sequence[JudgedCheck]) -> str:
    """Return in one line how a video's checks stand, for cards, lists and gates."""
    if not checks:
        return "no checks"
    passed = sum(check.result.passed for check in checks)
    return "; ".join(filter(None, (f"{passed} of {len(checks)} checks passed", not_passed(checks))))


def not_passed(checks: Iterable[JudgedCheck]) -> str:
    """Return the checks that did not pass by name, each with what was measured and who waived it."""
    return "; ".join(
        f"{check.name} {check.verdict} ({check.sentence.rstrip('.')})" for check in checks if not check.result.passed
    )
