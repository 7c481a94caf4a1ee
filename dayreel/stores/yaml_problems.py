"""What does not fit its shape in a file that people write, in words, with its line. Reading is `yaml_documents`."""

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from dayreel.schemas.choices import UnusableVendorError
from dayreel.yaml_documents import Problem

# What pydantic says of a value that does not fit, in our words.
_IN_WORDS = {
    "string_type": "write it as text, in quotes",
    "int_parsing": "it is not a whole number",
    "int_type": "it is not a whole number",
    "int_from_float": "it is not a whole number",
    "float_parsing": "it is not a number",
    "float_type": "it is not a number",
    "decimal_parsing": "it is not a number",
    "decimal_type": "it is not a number",
    "finite_number": "it is not a number",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "tuple_type": "write it as a list, like [a, b]",
    "date_from_datetime_parsing": "it is not a valid day; write it like 2026-11-20",
    "date_parsing": "it is not a valid day; write it like 2026-11-20",
    "date_type": "it is not a valid day; write it like 2026-11-20",
}
_MAPPINGS = {"model_type", "model_attributes_type", "dict_type"}


class VendorProblem(Problem):
    """A vendor that the file names is of a package that cannot be used; the file is as it should be."""


def problem_of(model: type[BaseModel], file: str, lines: dict[tuple[Any, ...], tuple[str, int]], fault: Any) -> Problem:
    """Return one of pydantic's faults with the file and line it is in.

    Args:
        lines: where each field was given, see `lines_of`.
    """
    where = tuple(fault["loc"])
    spot = where
    while spot and spot not in lines:
        spot = spot[:-1]
    origin, line = lines.get(spot, (file, 0))
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        allowed = _allowed(model, where[:-1])
        meant = get_close_matches(str(where[-1]), allowed, n=1)
        hint = f" (did you mean {meant[0]!r}?)" if meant else ""
        message = f"unknown field{hint}; allowed here: {', '.join(allowed)}"
    elif fault["type"] == "missing":
        message = "it is needed and is not there"
    elif fault["type"] in _MAPPINGS:
        message = f"write it as fields; allowed here: {', '.join(_allowed(model, where))}"
    else:
        message = _IN_WORDS.get(fault["type"], message.replace("Input should be ", "it has to be "))
    kind = VendorProblem if isinstance(fault.get("ctx", {}).get("error"), UnusableVendorError) else Problem
    return kind(origin, line, ".".join(str(part) for part in where) or "file", message)


def _allowed(model: type[BaseModel], where: tuple[Any, ...]) -> list[str]:
    """Return the field names that the schema knows at `where`."""
    schema = model.model_json_schema()
    node: dict[str, Any] = schema
    for part in where:
        node = _resolve(schema, node.get("properties", {}).get(str(part), {}))
    return sorted(name for name in node.get("properties", {}) if name != "name")


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for option in (node, *node.get("anyOf", ()), *node.get("allOf", ())):
        if "$ref" in option:
            definition: dict[str, Any] = schema["$defs"][option["$ref"].rsplit("/", 1)[-1]]
            return definition
    return node
