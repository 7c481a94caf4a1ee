"""Faults on demand: which service, which of its routes, what goes wrong, and how many times.

Here is the list of what can be armed and the record of what was fired. How a fault looks on the wire belongs to the
vendor's own file.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dayreel.errors import UsageError
from dayreel.sandbox.world import Document, SandboxWorld

EVERYWHERE: Final = ("lose_answer", "error_after_accept", "error", "delay", "expired_token", "quota")
"""Kinds that any route shows. Those that only some routes show are the stand-in's, see `wire.routes`."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One armed fault.

    Args:
        id: its number.
        service: whose.
        route: which call of it, or `*`.
        kind: what goes wrong.
        times: how many more times it fires.
        status: HTTP status to answer with instead of the typical one (kind `error`).
        code: the vendor's own error code to answer with (kind `error`).
        body: a whole body to answer with (kind `error`).
        headers: more headers for that answer, such as `retry-after`.
        seconds: how long (kind `delay`).
        bytes: how many bytes are still taken (kind `break_off`).
    """

    id: int
    service: str
    route: str
    kind: str
    times: int
    status: int | None = None
    code: str | int | None = None
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0
    bytes: int = 0


class Faults:
    """The armed faults of a world and the record of those that fired; both survive a restart."""

    def __init__(self, world: SandboxWorld) -> None:
        """Use the world's store."""
        self._store = world.store
        self._world = world

    def arm(self, wish: Document) -> Fault:
        """Arm a fault.

        Raises:
            UsageError: an unknown service, route, kind or field; the sentence lists what is allowed.
        """
        fields = {"service", "route", "kind", "times", "status", "code", "body", "headers", "seconds", "bytes"}
        unknown = sorted(set(wish) - fields)
        if unknown:
            raise UsageError(f"A fault has no field {unknown[0]!r}; it has {', '.join(sorted(fields))}.")
        service, route, kind = (str(wish.get(name, "")) for name in ("service", "route", "kind"))
        self._check(service, route or "*", kind)
        number = self._store.count_up("fault")
        fault = Fault(
            id=number,
            service=service,
            route=route or "*",
            kind=kind,
            times=int(wish.get("times", 1)),
            status=wish.get("status"),
            code=wish.get("code"),
            body=wish.get("body"),
            headers=dict(wish.get("headers") or {}),
            seconds=float(wish.get("seconds", 1.0)),
            bytes=int(wish.get("bytes", 0)),
        )
        self._store.put("fault", str(number), asdict(fault))
        return fault

    def _check(self, service: str, route: str, kind: str) -> None:
        """Refuse what could never fire."""
        services = self._world.services
        if service not in services:
            raise UsageError(f"No service {service!r} in the sandbox world; it has {', '.join(services)}.")
        routes, special = services[service].routes, services[service].special_faults
        if route != "*" and route not in routes:
            raise UsageError(f"{service} has no route {route!r}; it has {', '.join(routes)} and '*'.")
        if kind not in EVERYWHERE and kind not in special:
            raise UsageError(f"No fault kind {kind!r} for {service}; it has {', '.join((*EVERYWHERE, *special))}.")
        if kind in special and route != "*" and route not in special[kind]:
            raise UsageError(f"Fault kind {kind!r} fires on {service} {', '.join(special[kind])}, not on {route!r}.")

    def _fires(self, fault: Fault, service: str, route: str) -> bool:
        """Return whether a fault fires on this call; a special one armed on `*` on the first route that knows it."""
        if fault.times <= 0 or fault.service not in (service, "*") or fault.route not in (route, "*"):
            return False
        return fault.kind in EVERYWHERE or route in self._world.services[service].special_faults.get(fault.kind, ())

    def take(self, service: str, route: str) -> Fault | None:
        """Return the oldest armed fault that fits this call and count it as fired, or None."""
        with self._store.lock:
            for row in self._store.all("fault"):
                fault = Fault(**row)
                if self._fires(fault, service, route):
                    self._store.merge("fault", str(fault.id), times=fault.times - 1)
                    number = self._store.count_up("fired")
                    fired = {"fault_id": fault.id, "service": service, "route": route, "kind": fault.kind}
                    self._store.put("fired", str(number), {**fired, "at": self._world.now().isoformat()})
                    return fault
        return None

    def listing(self) -> Document:
        """Return what is still armed and what has fired, oldest first."""
        armed = [row for row in self._store.all("fault") if row["times"] > 0]
        return {"armed": armed, "fired": self._store.all("fired")}

    def clear(self) -> None:
        """Disarm everything, forget the record, and let go of what a fault made stuck."""
        with self._store.lock:
            self._store.delete("fault")
            self._store.delete("fired")
            self._store.clear_flag("stuck")
