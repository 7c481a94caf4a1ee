"""What may pass through to Dagster's GraphQL, decided from the request alone. Pure.

Everything in a document counts, not only the operation that is named: a document that holds a mutation is a mutation.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, VariableNode, parse

from dayreel.errors import UsageError
from dayreel.services.dagster_instance import ACTOR_TAG

MOST_BYTES = 4 * 1024 * 1024
_MOST_TOKENS = 20_000

# Mutations that start runs, and where in their arguments the tags of those runs are: dagster-graphql 1.13,
# `schema/roots/mutation.py` and `schema/inputs.py`.
_RUN: dict[str, tuple[str, ...]] = {"executionParams": ("executionMetadata", "tags")}
_AGAIN: dict[str, tuple[str, ...]] = {"reexecutionParams": ("extraTags",)}
_LAUNCHES: dict[str, dict[str, tuple[str, ...]]] = {
    "launchPipelineExecution": _RUN,
    "launchRun": _RUN,
    "launchPipelineReexecution": {**_RUN, **_AGAIN},
    "launchRunReexecution": {**_RUN, **_AGAIN},
    "launchMultipleRuns": {"executionParamsList": ("executionMetadata", "tags")},
    "launchPartitionBackfill": {"backfillParams": ("tags",)},
    "reexecutePartitionBackfill": _AGAIN,
}


@dataclass(frozen=True)
class Operation:
    """One GraphQL request, understood.

    Attributes:
        kind: the most that anything in the document may do.
        fields: the names of the top-level fields of its mutations.
        body: the request as JSON, as it may go on.
    """

    kind: Literal["query", "mutation", "subscription"]
    fields: tuple[str, ...]
    body: dict[str, Any]


def read_operation(raw: bytes | str) -> Operation:
    """Understand a GraphQL request, or refuse it.

    Raises:
        UsageError: it is not a single JSON object with a query that can be parsed.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise _refused("its body is not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise _refused("it holds no single query")
    if isinstance(body.get("variables"), str):
        raise _refused("its variables are a text")
    try:
        document = parse(body["query"], no_location=True, max_tokens=_MOST_TOKENS)
    except (GraphQLError, RecursionError):
        raise _refused("its query cannot be parsed") from None
    operations = [definition for definition in document.definitions if isinstance(definition, OperationDefinitionNode)]
    if not operations:
        raise _refused("it holds no operation")
    kinds = {operation.operation for operation in operations}
    mutations = [operation for operation in operations if operation.operation == OperationType.MUTATION]
    if any(len(mutation.selection_set.selections) != len(_fields(mutation)) for mutation in mutations):
        raise _refused("its mutation hides fields in a fragment")
    if mutations:
        return Operation(
            "mutation", tuple(field.name.value for mutation in mutations for field in _fields(mutation)), body
        )
    return Operation("subscription" if OperationType.SUBSCRIPTION in kinds else "query", (), body)


def signed_launch(operation: Operation, *, actor: str) -> dict[str, Any]:
    """Return the request with the person written on every run it starts, whatever tags it came with.

    Raises:
        UsageError: it starts runs in a way on which nobody's name could be written.
    """
    body = operation.body
    document = parse(body["query"], no_location=True, max_tokens=_MOST_TOKENS)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode) and definition.operation == OperationType.MUTATION:
            for field in _fields(definition):
                if field.name.value in _LAUNCHES or field.name.value.lower().startswith("launch"):
                    _sign(body, field, actor)
    return body


def _sign(body: dict[str, Any], field: FieldNode, actor: str) -> None:
    name = field.name.value
    if name not in _LAUNCHES:
        raise _refused(f"nobody's name can be written on what {name} starts")
    variables = body.get("variables")
    if not field.arguments or not isinstance(variables, dict):
        raise _refused(f"{name} needs its arguments as variables")
    for argument in field.arguments:
        path, value = _LAUNCHES[name].get(argument.name.value), argument.value
        given = variables.get(value.name.value) if isinstance(value, VariableNode) else None
        every: list[Any] = given if isinstance(given, list) else [given]
        if path is None or not every or not all(isinstance(item, dict) for item in every):
            raise _refused(f"{name} needs its {argument.name.value} as a variable, and nothing that is not known here")
        for item in every:
            _write_tag(item, path, actor)


def _write_tag(params: dict[str, Any], path: tuple[str, ...], actor: str) -> None:
    holder = params
    for step in path[:-1]:
        inner = holder.get(step)
        holder[step] = inner if isinstance(inner, dict) else {}
        holder = holder[step]
    tags = holder.get(path[-1])
    others = [tag for tag in tags if isinstance(tag, dict) and tag.get("key") != ACTOR_TAG] if tags else []
    holder[path[-1]] = [*others, {"key": ACTOR_TAG, "value": actor}]


def _fields(operation: OperationDefinitionNode) -> list[FieldNode]:
    return [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]


def _refused(why: str) -> UsageError:
    return UsageError(f"This GraphQL request was not passed on: {why}.", next_step="Nothing was done in Dagster.")
