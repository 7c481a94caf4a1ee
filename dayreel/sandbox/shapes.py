"""Whether a request has the fields a vendor knows, each of its type: what most vendors refuse before they look further.

Which fields those are is the vendor's own file, from its specification or its dated page.
"""

from collections.abc import Mapping
from typing import Any, Final

_WORDS: Final = {str: "a string", int: "an integer", bool: "a boolean", list: "a list", dict: "an object"}


def shape_problem(body: Mapping[str, Any], fields: Mapping[str, type], where: str = "") -> str | None:
    """Return the first unknown field or wrong type of a JSON object as a sentence, None where there is none.

    Args:
        fields: name to the JSON type; a boolean is never an integer.
        where: what stands before a field's name, such as `post_info.`.
    """
    for name, value in body.items():
        if name not in fields:
            return f"Unknown field {where}{name}"
        if type(value) is not fields[name]:
            return f"{where}{name} must be {_WORDS[fields[name]]}"
    return None
