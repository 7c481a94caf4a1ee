"""Faults on demand: which service, which of its routes, what goes wrong, and how many times.

Here is the list of what can be armed and the record of what was fired. How a fault looks on the wire belongs to the
vendor's own file.
"""

from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from typing import Any, Final

from dayreel.errors import UsageError
from dayreel.sandbox.world import Document, SandboxWorld

EVERYWHERE: Final = (
    "lose_answer",
    "error_after_accept",
    "answer_after_accept",
    "error",
    "delay",
    "expired_token",
    "quota",
)
"""Kinds that any route shows. Those that only some routes show are the stand-in's, see `wire.routes`."""
_UNREADABLE: Final = "unreadable"
"""What `answer_after_accept` leaves behind for the reads that follow; nobody arms it by itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One armed fault.

    Args:
        id: its number.
        service: whose.
        route: which call of it, or `*`.
        kind: what goes wrong.
        times: how many more times it fires.
        status: HTTP status to answer with instead of the typical one (kinds `error` and `answer_after_accept`).
        code: the vendor's own error code to answer with (kind `error`).
        body: a whole body to answer with (kinds `error` and `answer_after_accept`); a string is sent as it is.
        headers: more headers for that answer, such as `retry-after`.
        seconds: how long (kind `delay`).
        bytes: how many bytes are still taken (kind `break_off`), or sent of the vendor's own answer
            (kind `answer_after_accept` without a body).
        reads: how many reads of this service fail afterwards (kind `answer_after_accept`).
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
    reads: int = 0


class Faults:
    """The armed faults of a world and the record of those that fired; both survive a restart."""

    def __init__(self, world: SandboxWorld) -> None:
        self._store = world.store
        self._world = world

    def arm(self, wish: Document) -> Fault:
        """Arm a fault.

        Raises:
            UsageError: an unknown service, route, kind or field; the sentence lists what is allowed.
        """
        fields = {each.name for each in dataclass_fields(Fault)} - {"id"}
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
            reads=int(wish.get("reads", 0)),
        )
        self._store.put("fault", str(number), asdict(fault))
        return fault

    def fail_reads_after(self, fired: Fault, service: str) -> None:
        """Make the reads of a service unreadable that follow an `answer_after_accept`, as many as it says."""
        if fired.reads > 0:
            number = self._store.count_up("fault")
            fault = Fault(id=number, service=service, route="*", kind=_UNREADABLE, times=fired.reads)
            self._store.put("fault", str(number), asdict(fault))

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

    def _fires(self, fault: Fault, service: str, route: str, *, is_read: bool) -> bool:
        """Return whether a fault fires on this call; a special one armed on `*` on the first route that knows it."""
        if fault.times <= 0 or fault.service not in (service, "*") or fault.route not in (route, "*"):
            return False
        if fault.kind == _UNREADABLE:
            return is_read
        return fault.kind in EVERYWHERE or route in self._world.services[service].special_faults.get(fault.kind, ())

    def take(self, service: str, route: str, *, is_read: bool = False) -> Fault | None:
        """Return the oldest armed fault that fits this call and count it as fired, or None."""
        with self._store.lock:
            for row in self._store.all("fault"):
                fault = Fault(**row)
                if self._fires(fault, service, route, is_read=is_read):
                    self._store.merge("fault", str(fault.id), times=fault.times - 1)
                    if fault.kind == _UNREADABLE:  # a part of the fault that fired before
                        return fault
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
