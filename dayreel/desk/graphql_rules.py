"""What may pass to Dagster's GraphQL: judged from the request alone, and written again from what was judged. Pure.

One request is one operation of one document; its text goes on as it was understood, printed from the parsed document.
Mutations pass by name, from a list: one that this dayreel does not know is refused to everybody.
"""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    parse,
    print_ast,
)

from dayreel.errors import UsageError
from dayreel.schemas.person import name_key
from dayreel.services.dagster_instance import ACTOR_TAG, OWN_TAGS

MOST_BYTES = 4 * 1024 * 1024
# The longest document of Dagster's pages has 7,444 characters and 1,499 comparisons. The desk reads a document letter
# by letter, and Dagster compares each two fields of one name: some megabytes would keep either busy for a minute.
_MOST_CHARACTERS = 100_000
_MOST_TOKENS = 10_000
_MOST_COMPARISONS = 100_000

# Mutations that start runs, and where in their arguments the tags of those runs and the run they follow are:
# dagster-graphql 1.13, `schema/roots/mutation.py` and `schema/inputs.py`.
_Path = tuple[str, ...]
_RUN: dict[str, tuple[_Path, _Path]] = {
    "executionParams": (("executionMetadata", "tags"), ("executionMetadata", "parentRunId"))
}
_AGAIN: dict[str, tuple[_Path, _Path]] = {"reexecutionParams": (("extraTags",), ("parentRunId",))}
_LAUNCHES: dict[str, dict[str, tuple[_Path, _Path]]] = {
    "launchPipelineExecution": _RUN,
    "launchRun": _RUN,
    "launchPipelineReexecution": {**_RUN, **_AGAIN},
    "launchRunReexecution": {**_RUN, **_AGAIN},
    "launchMultipleRuns": {"executionParamsList": _RUN["executionParams"]},
    "launchPartitionBackfill": {"backfillParams": (("tags",), ())},
    "reexecutePartitionBackfill": _AGAIN,
}
OPERATOR_MUTATIONS = frozenset(_LAUNCHES) | {
    *("startSchedule", "stopRunningSchedule", "resetSchedule", "scheduleDryRun"),
    *("startSensor", "stopSensor", "resetSensor", "setSensorCursor", "sensorDryRun"),
    *("terminatePipelineExecution", "terminateRun", "terminateRuns", "deletePipelineRun", "deleteRun"),
    *("resumePartitionBackfill", "cancelPartitionBackfill"),
    *("reloadRepositoryLocation", "reloadWorkspace", "shutdownRepositoryLocation"),
    *("wipeAssets", "reportRunlessAssetEvents", "reportAssetCheckEvaluations"),
    *("addDynamicPartition", "deleteDynamicPartitions"),
    *("setConcurrencyLimit", "deleteConcurrencyLimit", "freeConcurrencySlots", "freeConcurrencySlotsForRun"),
    *("setAutoMaterializePaused", "setNuxSeen"),
}
CLOSED_MUTATIONS = frozenset(
    # Telemetry is off; components that are written from the browser are files of the code.
    {"logTelemetry", "setAppManagedComponent", "deleteAppManagedComponent", "refreshComponentState"}
)

_SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase)?$|secret|token|api[_-]?key|private[_-]?key|credential|authori[sz]ation|cookie|dsn$",
    re.IGNORECASE,
)
_HIDDEN = "(hidden)"
_MOST_RECORDED = 2000


@dataclass(frozen=True)
class RunTagClaim:
    """Tags of dayreel's own that a request brings for a run, and the run they may be copied from.

    Attributes:
        follows: the id of the run that is to be executed again, or None.
        tags: what was brought, as key and value.
    """

    follows: str | None
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Document:
    text: str
    name: str | None
    kind: Literal["query", "mutation", "subscription"]
    fields: tuple[FieldNode, ...] = field(repr=False)


@dataclass(frozen=True)
class Operation:
    """One GraphQL request, understood.

    Attributes:
        kind: what it does.
        fields: the names of the top-level fields of a mutation.
        body: the request as it may go on.
    """

    kind: Literal["query", "mutation", "subscription"]
    fields: tuple[str, ...]
    body: dict[str, Any]
    _nodes: tuple[FieldNode, ...] = field(default=(), repr=False)

    def claims(self) -> list[RunTagClaim]:
        """Return every tag of dayreel's own that it brings for a run, by the run it is brought for.

        Raises:
            UsageError: it starts runs in a way in which nobody could see their tags.
        """
        claimed = []
        for params, (_tags, parent) in self._launched():
            tags = [(str(tag["key"]), str(tag.get("value"))) for tag in _tag_objects(params) if is_own_tag(tag["key"])]
            follows: object = params
            for step in parent:
                follows = follows.get(step) if isinstance(follows, dict) else None
            if tags:
                claimed.append(RunTagClaim(follows if isinstance(follows, str) else None, tuple(tags)))
        return claimed

    def signed(self, actor: str) -> dict[str, Any]:
        """Return the request with the person written on every run it starts.

        Raises:
            UsageError: it starts runs in a way in which nobody's name could be written on them.
        """
        for params, (path, _parent) in self._launched():
            _write_tag(params, path, actor)
        return self.body

    def for_record(self) -> dict[str, Any]:
        """Return what the record of acts keeps of it: its name, and its variables without secrets."""
        text = json.dumps(_without_secrets(self.body.get("variables")), default=str, ensure_ascii=False)
        return {"operation": self.body.get("operationName"), "variables": text[:_MOST_RECORDED]}

    def _launched(self) -> Iterator[tuple[dict[str, Any], tuple[_Path, _Path]]]:
        variables = self.body.get("variables")
        for node in self._nodes:
            name = node.name.value
            if name not in _LAUNCHES:
                continue
            if not node.arguments or not isinstance(variables, dict):
                raise _refused(f"{name} needs its arguments as variables")
            for argument in node.arguments:
                paths, value = _LAUNCHES[name].get(argument.name.value), argument.value
                given = variables.get(value.name.value) if isinstance(value, VariableNode) else None
                every: list[Any] = given if isinstance(given, list) else [given]
                if paths is None or not every or not all(isinstance(item, dict) for item in every):
                    what = argument.name.value
                    raise _refused(f"{name} needs its {what} as a variable, and nothing that is not known here")
                for params in every:
                    yield params, paths


def read_operation(raw: bytes | str) -> Operation:
    """Understand a GraphQL request, or refuse it.

    Raises:
        UsageError: it is not a single JSON object with a document of one operation, or holds a mutation that is closed.
    """
    if len(raw) > MOST_BYTES:
        raise _refused(f"it is longer than {MOST_BYTES} bytes")
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):
        raise _refused("its body is not JSON") from None
    if not isinstance(given, dict) or not isinstance(given.get("query"), str):
        raise _refused("it holds no single query")
    variables, name = given.get("variables"), given.get("operationName")
    if not isinstance(variables, dict | None):
        raise _refused("its variables are not an object")
    document = _read_document(given["query"])
    if name is not None and name != document.name:
        raise _refused("it names an operation that is not there")
    body = {"operationName": document.name, "query": document.text, "variables": variables}
    return Operation(document.kind, tuple(node.name.value for node in document.fields), body, document.fields)


def is_own_tag(key: object) -> bool:
    """Return whether a tag is dayreel's own, however its key is written."""
    return name_key(str(key)).replace(" ", "").startswith(OWN_TAGS)


def outcome_of(status: int, content: bytes) -> str:
    """Return in a few words what Dagster answered to a mutation."""
    try:
        answer = json.loads(content)
        errors, data = answer.get("errors"), answer.get("data")
        if errors:
            return f"failed: {errors[0]['message']}"[:300]
        results = [_result_text(value) for value in (data or {}).values()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        results = []
    return ", ".join(results)[:300] or f"status {status}"


def _result_text(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    kind, message = value.get("__typename", "answered"), value.get("message")
    return f"{kind}: {message}" if message else str(kind)


@functools.lru_cache(maxsize=128)  # Dagster's pages ask the same documents again and again
def _read_document(text: str) -> _Document:
    if len(text) > _MOST_CHARACTERS:
        raise _refused(f"its query is longer than {_MOST_CHARACTERS} characters; what is long is sent as variables")
    try:
        document = parse(text, no_location=True, max_tokens=_MOST_TOKENS)
        printed = print_ast(document)
    except (GraphQLError, RecursionError):
        raise _refused("its query cannot be parsed") from None
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1:
        raise _refused(f"it holds {len(operations)} operations, and one is passed on")
    if _comparisons(document) > _MOST_COMPARISONS:
        raise _refused("it asks the same fields too often")
    (operation,) = operations
    name = operation.name.value if operation.name else None
    if operation.operation != OperationType.MUTATION:
        return _Document(printed, name, "query" if operation.operation == OperationType.QUERY else "subscription", ())
    fields = tuple(node for node in operation.selection_set.selections if isinstance(node, FieldNode))
    if len(fields) != len(operation.selection_set.selections):
        raise _refused("its mutation hides fields in a fragment")
    closed = sorted({node.name.value for node in fields} - OPERATOR_MUTATIONS - {"__typename"})
    if closed:
        raise _refused(f"the mutation {', '.join(closed)} is not on the list of what passes")
    return _Document(printed, name, "mutation", fields)


def _comparisons(document: DocumentNode) -> int:
    """Return how many pairs of fields have one name."""
    names: Counter[str] = Counter()
    waiting = [getattr(definition, "selection_set", None) for definition in document.definitions]
    while waiting:
        for node in getattr(waiting.pop(), "selections", ()):
            waiting.append(getattr(node, "selection_set", None))
            if isinstance(node, FieldNode):
                names[(node.alias or node.name).value] += 1
    return sum(count * count for count in names.values())


def _tag_objects(value: object) -> Iterator[dict[str, Any]]:
    """Find what is written like a tag, wherever it stands in the parameters of a run."""
    if isinstance(value, dict):
        if "key" in value:
            yield value
        for inner in value.values():
            yield from _tag_objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tag_objects(inner)


def _write_tag(params: dict[str, Any], path: _Path, actor: str) -> None:
    holder = params
    for step in path[:-1]:
        inner = holder.get(step)
        holder[step] = inner if isinstance(inner, dict) else {}
        holder = holder[step]
    tags = holder.get(path[-1])
    others = [tag for tag in tags if isinstance(tag, dict) and tag.get("key") != ACTOR_TAG] if tags else []
    holder[path[-1]] = [*others, {"key": ACTOR_TAG, "value": actor}]


def _without_secrets(value: Any, name: str = "") -> Any:
    if _SECRET_NAME.search(name) and value not in (None, "", [], {}):
        return _HIDDEN
    if isinstance(value, dict):
        named = value.get("key") if isinstance(value.get("key"), str) else None
        return {
            key: _without_secrets(inner, named if named and key == "value" else str(key))
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner, name) for inner in value]
    if name == "runConfigData" and isinstance(value, str):
        try:
            return _without_secrets(json.loads(value))
        except (ValueError, RecursionError):
            return f"({len(value)} characters of run configuration)"
    return value


def _refused(why: str) -> UsageError:
    return UsageError(f"This GraphQL request was not passed on: {why}.", next_step="Nothing was done in Dagster.")
