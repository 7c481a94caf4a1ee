"""The names of vendors in files that people write: checked against the records of a family when the file is read."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dayreel.errors import ConfigurationError, UsageError
from dayreel.vendors.record import Family
from dayreel.vendors.registry import names, vendor_named


class UnusableVendorError(ValueError):
    """A file names a vendor whose package cannot be used: the package is at fault, not the file."""


@dataclass(frozen=True)
class VendorOf:
    """The name of a vendor of a family, or one of `others`; annotates a text."""

    family: Family
    others: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the check."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the names that there are on this machine."""
        return {**handler(schema), "enum": self._choices()}

    def _choices(self) -> list[str]:
        return [*names(self.family), *self.others]

    def _checked(self, name: str) -> str:
        try:
            if name in self.others or vendor_named(name).family == self.family:
                return name
        except ConfigurationError as error:
            raise UnusableVendorError(str(error)) from None
        except UsageError:
            pass
        *most, last = map(repr, self._choices())
        raise ValueError(f"it has to be {' or '.join([', '.join(most), last] if most else [last])}")
