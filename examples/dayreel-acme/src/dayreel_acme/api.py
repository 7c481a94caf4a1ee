"""What Acme's services have in common: one key, one address, errors of one shape."""

from dayreel.errors import ProviderError, UnknownOutcomeError
from dayreel.providers.http import Http, Reply, readable, reveal
from dayreel.vendors.access import Access
from dayreel.vendors.record import Setting

KEY = Setting("ACME_KEY", "acme.example, Keys", sandbox="sandbox-acme-key")
BASE_URL = "https://api.acme.example"


class Acme:
    """Acme's API: one attempt per call; what it refuses in its own words is refused, all else may have happened."""

    def __init__(self, access: Access) -> None:
        """Keep key and address; nothing is sent."""
        self._key = reveal(access.secret(KEY.variable), name=KEY.variable)
        self._base = access.url(BASE_URL, "/acme")
        headers = {"Authorization": f"Bearer {self._key}"}
        self.http = Http("Acme", headers=headers, secrets=(self._key,), clock=access.clock)

    def call(self, method: str, path: str, *, attempted: str, has_side_effects: bool, json: object = None) -> Reply:
        """Return a good answer.

        Raises:
            TransientError, PermanentError: Acme says in its own words that nothing was done.
            UnknownOutcomeError: the answer to a call with side effects is lost, or is somebody else's.
        """
        reply = self.http.send(
            method, self._base + path, attempted=attempted, has_side_effects=has_side_effects, json=json
        )
        if reply.ok:
            return reply
        raise self._refused(reply)

    def begin(self, path: str, *, attempted: str, json: object) -> str:
        """Make something and return its id; raises as a call with side effects does."""
        reply = self.call("POST", path, attempted=attempted, has_side_effects=True, json=json)
        made = reply.json()
        id_ = made.get("id") if isinstance(made, dict) else None
        if not isinstance(id_, str):
            raise UnknownOutcomeError(attempted=attempted, answer="an answer without an id")
        return id_

    def _refused(self, reply: Reply) -> ProviderError:
        read = reply.json()
        why = read.get("acme_error") if isinstance(read, dict) else None
        if not isinstance(why, str):
            if not reply.has_side_effects:
                return reply.error(reply.words)
            words = readable(f"HTTP {reply.status}, {reply.words}", secrets=(self._key,))
            return UnknownOutcomeError(attempted=reply.attempted, answer=words)
        # Acme's documents say that every error of its own is decided before anything is done.
        return reply.error(readable(why, secrets=(self._key,)), is_refused=True, next_step="See acme.example, Errors.")
