"""What the proofs of several vendors have in common: models, scopes, buttons.

A proof is a read that is free, and says whether key, account and scopes are what dayreel needs. Each vendor's own is in
its file and in its record; who asks is `dayreel doctor --live` and `dayreel setup`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from dayreel.errors import ProviderError
from dayreel.providers.http import Http, Reply
from dayreel.vendors.access import Access
from dayreel.vendors.record import Proof

_NOT_FOUND: Final = 404


def prove_models(http: Http, base: str, models: Sequence[str], refused: Callable[[Reply], ProviderError]) -> Proof:
    """Ask for each model; without any, for the list."""
    missing = []
    for model in models or ("",):
        url = f"{base}/{model}" if model else base
        reply = http.send(
            "GET", url, attempted=f"ask {http.vendor} for {model or 'its models'}", has_side_effects=False
        )
        if model and reply.status == _NOT_FOUND:
            missing.append(model)
        elif not reply.ok:
            raise refused(reply)
    if missing:
        return Proof(
            "the key is accepted", f"no such model: {', '.join(missing)}", "Choose another in the channel file."
        )
    return Proof("; ".join(["the key is accepted", *models]))


def prove_scopes(detail: str, wanted: Sequence[str], granted: Iterable[str]) -> Proof:
    """Return what was found, with the wanted scopes that were not granted as its problem."""
    missing = [scope for scope in wanted if scope not in set(granted)]
    if missing:
        return Proof(detail, f"scopes are missing: {', '.join(missing)}", "Connect the account again and grant them.")
    return Proof(f"{detail}; {', '.join(wanted)}")


def prove_buttons(access: Access, variable: str) -> str:
    """Say whether the buttons under a review request decide."""
    return "buttons decide" if access.variable(variable) else f"buttons do not decide: {variable} is not set"


def part_of(reply: Reply, name: str) -> dict[str, Any]:
    """Return a part of an answer that is a mapping; an empty one where there is none."""
    answer = reply.json()
    part = answer.get(name) if isinstance(answer, dict) else None
    return part if isinstance(part, dict) else {}
