"""The feedback loop: what the next idea can learn from the best and worst measured ones of the last thirty days.

Ideas are compared by their views at the same age. With too few measured ones nothing is passed on: noise teaches
nothing. What was measured in the sandbox world teaches nobody in the real one.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dayreel.schemas.channel import Channel
from dayreel.services.making.experiments import Trial, variant_of
from dayreel.services.project import Project

DAYS = 30
SHOWN = 3
LEAST = 6


_CONTENTS = (
    "SELECT id FROM content WHERE channel = :channel AND world = :world AND day >= :first_on AND day <= :last_on"
)
_READS = {
    "content": (f"id IN ({_CONTENTS})",),
    "platform_posts": (f"content_id IN ({_CONTENTS})",),
    "metric_snapshots": (f"post_row_id IN (SELECT p.id FROM platform_posts p WHERE p.content_id IN ({_CONTENTS}))",),  # noqa: S608  ours
}
_MEASURED = """
    SELECT content.id AS content_id, idea, views_7d AS "7d", views_24h AS "24h"
    FROM content JOIN views_at_ages ON views_at_ages.content_id = content.id
    WHERE idea IS NOT NULL
"""


@dataclass(frozen=True)
class Lesson:
    """One measured idea."""

    content_id: str
    idea: str
    views: int


@dataclass(frozen=True)
class Lessons:
    """The best and the worst ideas, by views at `age`; both empty while too few were measured."""

    age: str
    best: tuple[Lesson, ...]
    worst: tuple[Lesson, ...]

    def words(self) -> str:
        """Return what is added to the question."""
        if not self.best:
            return ""
        lines = [f"Earlier ideas that did best (views after {self.age}). Learn what they share, but repeat none:"]
        lines += [f"- {idea.idea} ({idea.views} views)" for idea in self.best]
        lines += [f"Earlier ideas that did worst (views after {self.age}). Avoid what they share:"]
        lines += [f"- {idea.idea} ({idea.views} views)" for idea in self.worst]
        return "\n".join(lines)

    def recorded(self) -> dict[str, Any]:
        """Return which contents were shown, as the idea's record keeps it."""
        return {
            "age": self.age,
            "best": [idea.content_id for idea in self.best],
            "worst": [idea.content_id for idea in self.worst],
        }


def lessons_for(project: Project, channel: Channel, day: date, trial: Trial | None = None) -> Lessons:
    """Return what the thirty days before `day` have taught, by views at seven days, or else at one.

    Args:
        trial: what the day tries: it learns from contents of the same variant alone, or its comparison would be one of
            lessons. Nor does any day learn from what another variant did.

    Raises:
        StoreError: the catalog cannot be read.
    """
    # Only channels that learn pay for importing DuckDB.
    from dayreel.marts.database import opened_database  # noqa: PLC0415

    days = [day - timedelta(days=back) for back in range(DAYS, 0, -1)]
    with opened_database(project, days, channel=channel.name, world=project.settings.world) as database:
        database.load(_READS, uses=("posts", "marks", "views_at_ages"), query=_MEASURED)
        measured = database.answer(_MEASURED).to_pylist()
    if trial is not None and channel.experiment is not None:
        experiment, tried = channel.experiment, trial.record.variant
        measured = [row for row in measured if variant_of(project, row["content_id"], experiment) == tried]
    for age in ("7d", "24h"):
        known = [row for row in measured if row[age] is not None]
        if len(known) >= LEAST:
            known.sort(key=lambda row: (-row[age], row["content_id"]))
            lessons = [Lesson(row["content_id"], row["idea"], int(row[age])) for row in known]
            return Lessons(age, tuple(lessons[:SHOWN]), tuple(lessons[-SHOWN:]))
    return Lessons("7d", (), ())
