"""Asking the project's running Dagster web server to start a backfill: plain GraphQL, without Dagster.

It is asked on its socket, past the desk: whoever may open that is this project's own user. So this is the one client
whose `dayreel/` tags are believed, and each launch is written to the record of acts here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from dayreel.errors import ConfigurationError
from dayreel.services.dagster_address import PATH_PREFIX, SCHEME, DagsterAddress, is_answered, socket_path
from dayreel.settings import Settings

LOCATION = "dayreel"
REPOSITORY = "__repository__"
_TIMEOUT_S = 10.0
_NEEDED_DAEMONS = frozenset({"BACKFILL", "QUEUED_RUN_COORDINATOR"})

_WHO = """query { version instance { info daemonHealth { allDaemonStatuses { daemonType healthy } } } }"""
_LAUNCH = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  ... on UnauthorizedError { message } } }"""
_STATUS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
  ... on PartitionBackfill { status numPartitions error { message }
    runs(limit: 1000) { status tags { key value } } }
  ... on PythonError { message } } }"""


@dataclass(frozen=True)
class BackfillStatus:
    """How far a backfill is: its own state, and how many of its runs are in each state."""

    state: str
    runs: Mapping[str, int]
    error: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state.startswith(("COMPLETED", "FAILED", "CANCELED"))


class DagsterServer:
    """One running web server."""

    def __init__(self, address: DagsterAddress, path: str, *, link: str | None = None) -> None:
        """Keep the address; nothing is asked yet.

        Args:
            path: below which path it answers.
            link: the address at which people open its pages, where that is another one.
        """
        self.address = address
        self.link = link or f"{address.url}{path}"
        self._endpoint = f"{address.url}{path}/graphql"

    def launch(self, job: str, days: Sequence[str], *, title: str, tags: Mapping[str, str]) -> str:
        """Start one run of `job` per day, and return the backfill's id.

        Raises:
            ConfigurationError: the server refused.
        """
        params = {
            "selector": {
                "partitionSetName": f"{job}_partition_set",
                "repositorySelector": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY},
            },
            "partitionNames": list(days),
            "title": title,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        launched = self._ask(_LAUNCH, {"params": params})["launchPartitionBackfill"]
        if launched["__typename"] == "PartitionSetNotFoundError":
            raise ConfigurationError(
                f"Dagster has no job {job}: its graph was loaded before the channel was there.",
                next_step="In Dagster: Deployment, dayreel, Reload; or start `dayreel up` again. Then try again.",
            )
        if launched["__typename"] != "LaunchBackfillSuccess":
            raise self._refused(f"backfill {job}", launched.get("message") or launched["__typename"])
        return str(launched["backfillId"])

    def status(self, backfill_id: str) -> BackfillStatus:
        """Return how far a backfill is.

        Raises:
            ConfigurationError: the server knows none of that id, or is gone.
        """
        backfill = self._ask(_STATUS, {"id": backfill_id})["partitionBackfillOrError"]
        if backfill["__typename"] != "PartitionBackfill":
            raise self._refused(f"look at backfill {backfill_id!r}", backfill.get("message") or backfill["__typename"])
        runs: dict[str, int] = {}
        for run in backfill["runs"]:
            runs[run["status"]] = runs.get(run["status"], 0) + 1
        return BackfillStatus(backfill["status"], runs, (backfill["error"] or {}).get("message"))

    def serves(self, dagster_home: str) -> bool:
        """Return whether this is the server of that instance, with living daemons that would do the work."""
        try:
            instance = self._ask(_WHO, {})["instance"]
        except (KeyError, TypeError, ConfigurationError):  # whatever is there, it is not ours
            return False
        healthy = {
            daemon["daemonType"] for daemon in instance["daemonHealth"]["allDaemonStatuses"] if daemon["healthy"]
        }
        return dagster_home in (instance["info"] or "") and healthy >= _NEEDED_DAEMONS

    def _ask(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        try:
            with httpx.Client(
                transport=httpx.HTTPTransport(uds=self.address.socket), timeout=_TIMEOUT_S, trust_env=False
            ) as client:
                answer = client.post(self._endpoint, json={"query": query, "variables": dict(variables)})
            content = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise self._refused("ask it something", str(error) or type(error).__name__) from error
        if not answer.is_success or content.get("errors"):
            raise self._refused("ask it something", str(content.get("errors") or answer.status_code))
        data: dict[str, Any] = content["data"]
        return data

    def _refused(self, attempted: str, answer: str) -> ConfigurationError:
        return ConfigurationError(
            f"Tried to {attempted} at Dagster's web server at {self.address}; it answered: {answer}.",
            next_step="Its log is var/logs/webserver.log; without it the same command works in its own process.",
        )


def find_server(settings: Settings, dagster_home: str) -> DagsterServer | None:
    """Return the web server of this project's Dagster instance, or None when there is none that could do the work."""
    link = f"{settings.desk_address}{PATH_PREFIX}"
    by_hand = DagsterAddress(f"http://127.0.0.1:{settings.webserver_port}")
    candidates = [DagsterServer(by_hand, PATH_PREFIX, link=link), DagsterServer(by_hand, "")]
    up = DagsterAddress.parse(f"{SCHEME}{socket_path(settings)}")
    if is_answered(str(up.socket)):
        candidates.insert(0, DagsterServer(up, PATH_PREFIX, link=link))
    return next((server for server in candidates if server.serves(dagster_home)), None)
