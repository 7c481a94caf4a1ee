"""The sums over all seeds, as a document and as the lines a person reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.world.kill_matrix.faults import EVERY_ROW
from tests.world.kill_matrix.scenario import Result

SUMS = (
    "kills",
    "resumes",
    "posts",
    "generations",
    "extra_posts",
    "extra_generations",
    "parked",
    "llm_calls",
    "llm_lost",
)
WORDS = {
    "extra_posts": "extra posts",
    "extra_generations": "extra generations",
    "parked": "parked unknowns",
    "llm_calls": "LLM calls",
    "llm_lost": "LLM answers lost",
}
_SHOWN = 20


@dataclass(frozen=True)
class Report:
    """Everything that happened. `catalog` is `sqlite` or `postgres`."""

    results: Sequence[Result]
    checkpoints: int
    seconds: float
    catalog: str

    @property
    def wrong(self) -> list[Result]:
        """The seeds in which something did not hold."""
        return [one for one in self.results if one.wrong]

    def total(self, name: str) -> int:
        """Return one sum."""
        return sum(getattr(one, name) for one in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return the sums, what was covered, and each seed that went wrong."""
        graves = sorted({grave for one in self.results for grave in one.graves})
        fired = {fault for one in self.results for fault in one.fired}
        return {
            "catalog": self.catalog,
            "seeds": len(self.results),
            **{name: self.total(name) for name in SUMS},
            "seconds": round(self.seconds, 1),
            "checkpoints": self.checkpoints,
            "boundaries_died_at": graves,
            "faults_fired": sorted(fired),
            "faults_never_fired": sorted({str(row) for row in EVERY_ROW} - fired),
            "wrong": [one.as_json() for one in self.wrong],
        }

    def lines(self) -> list[str]:
        """Return what a person reads."""
        told = self.as_json()
        sums = ", ".join(f"{WORDS.get(name, name)} {told[name]}" for name in SUMS)
        faults, boundaries = len(told["faults_fired"]), len(told["boundaries_died_at"])
        lines = [
            f"kill matrix on {self.catalog}: {told['seeds']} seeds, {sums}, {told['seconds']} s",
            f"  died at {boundaries} different boundaries; a run has {self.checkpoints} checkpoints",
            f"  faults that fired: {faults} of {len(EVERY_ROW)} kinds by route",
        ]
        for one in self.wrong[:_SHOWN]:
            lines += [f"WRONG seed {one.seed}: {sentence}" for sentence in one.wrong]
        return lines
