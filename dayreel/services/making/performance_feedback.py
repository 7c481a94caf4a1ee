"""The feedback loop: what the next idea can learn from the best and worst measured ones of the last thirty days.

Ideas are compared by their views at the same age. With too few measured ones nothing is passed on: noise teaches
nothing. What was measured in the sandbox world teaches nobody in the real one.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dayreel.schemas.channel import Channel
from dayreel.services.project import Project

DAYS = 30
SHOWN = 3
LEAST = 6


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


def lessons_for(project: Project, channel: Channel, day: date) -> Lessons:
    """Return what the thirty days before `day` have taught, by views at seven days, or else at one.

    Raises:
        StoreError: the catalog cannot be read.
    """
    # Only channels that learn pay for importing pandas.
    from dayreel.services.marts import frames  # noqa: PLC0415
    from dayreel.services.marts.content_performance import add_views_at_ages  # noqa: PLC0415

    measured = frames.contents_between(project, day - timedelta(days=DAYS), day - timedelta(days=1), [channel.name])
    measured = measured[measured["world"] == project.settings.world].reset_index(drop=True)
    ids = list(measured["content_id"])
    if len(ids) < LEAST:
        return Lessons("7d", (), ())
    add_views_at_ages(measured, frames.posts_of_contents(project, ids), frames.snapshots_of_contents(project, ids))
    for age in ("7d", "24h"):
        known = measured[measured[f"views_{age}"].notna() & measured["idea"].notna()]
        if len(known) >= LEAST:
            ordered = known.sort_values([f"views_{age}", "content_id"], ascending=[False, True])
            lessons = [
                Lesson(str(row["content_id"]), str(row["idea"]), int(row[f"views_{age}"]))
                for _, row in ordered.iterrows()
            ]
            return Lessons(age, tuple(lessons[:SHOWN]), tuple(lessons[-SHOWN:]))
    return Lessons("7d", (), ())
