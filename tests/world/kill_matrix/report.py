"""The sums over all seeds, as a document and as the lines a person reads."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.world.kill_matrix.faults import EVERY_ROW

SUMS = (
    "kills",
    "resumes",
    "swaps",
    "posts",
    "generations",
    "extra_posts",
    "extra_generations",
    "parked",
    "llm_calls",
    "llm_lost",
)
WORDS = {
    "swaps": "older or lost catalogs",
    "extra_posts": "extra posts",
    "extra_generations": "extra generations",
    "parked": "parked unknowns",
    "llm_calls": "LLM calls",
    "llm_lost": "LLM answers lost",
}
_SHOWN = 20


@dataclass
class Result:
    """What became of one seed. `wrong` is empty when everything held."""

    seed: int
    kills: int = 0
    resumes: int = 0
    swaps: int = 0
    posts: int = 0
    generations: int = 0
    extra_posts: int = 0
    extra_generations: int = 0
    parked: int = 0
    llm_calls: int = 0
    llm_lost: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    graves: list[str] = field(default_factory=list)
    fired: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it for the pipe."""
        return asdict(self)


@dataclass(frozen=True)
class Report:
    """Everything that happened.

    Attributes:
        seeds: how many were to be played.
        checkpoints: how many an undisturbed run passes.
        catalog: `sqlite` or `postgres`.
    """

    results: Sequence[Result]
    seeds: int
    checkpoints: int
    seconds: float
    catalog: str

    @property
    def wrong(self) -> list[Result]:
        """The seeds in which something did not hold."""
        return [result for result in self.results if result.wrong]

    @property
    def holds(self) -> bool:
        """Whether every seed was played to its end and nothing was wrong."""
        return len(self.results) == self.seeds and not self.wrong

    @property
    def graves(self) -> set[str]:
        """The checkpoints at which a process died."""
        return {grave for result in self.results for grave in result.graves}

    @property
    def fired(self) -> set[str]:
        """The faults that fired, as `service/route/kind`."""
        return {fault for result in self.results for fault in result.fired}

    def total(self, name: str) -> int:
        """Return one sum."""
        return sum(getattr(result, name) for result in self.results)

    def as_json(self) -> dict[str, Any]:
        """Return the sums, what was covered, and each seed that went wrong."""
        return {
            "catalog": self.catalog,
            "seeds": len(self.results),
            **{name: self.total(name) for name in SUMS},
            "seconds": round(self.seconds, 1),
            "checkpoints": self.checkpoints,
            "boundaries_died_at": sorted(self.graves),
            "faults_fired": sorted(self.fired),
            "faults_never_fired": sorted({str(row) for row in EVERY_ROW} - self.fired),
            "wrong": [result.as_json() for result in self.wrong],
        }

    def lines(self) -> list[str]:
        """Return what a person reads."""
        document = self.as_json()
        sums = ", ".join(f"{WORDS.get(name, name)} {document[name]}" for name in SUMS)
        faults, boundaries = len(document["faults_fired"]), len(document["boundaries_died_at"])
        lines = [
            f"kill matrix on {self.catalog}: {document['seeds']} seeds, {sums}, {document['seconds']} s",
            f"  died at {boundaries} different boundaries; a run has {self.checkpoints} checkpoints",
            f"  faults that fired: {faults} of {len(EVERY_ROW)} kinds by route",
        ]
        for result in self.wrong[:_SHOWN]:
            lines += [f"WRONG seed {result.seed}: {sentence}" for sentence in result.wrong]
        return lines
