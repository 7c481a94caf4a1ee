"""The shape of a price: what a model costs, where that was read, and when."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, model_validator


class Price(BaseModel):
    """The price of one model of one provider, in dollars."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    model: str
    source: str
    checked_on: date
    input_per_mtok_usd: Decimal | None = None
    output_per_mtok_usd: Decimal | None = None
    per_second_usd: dict[str, Decimal] | None = None
    per_mchar_usd: Decimal | None = None

    @model_validator(mode="after")
    def _says_one_kind_of_price(self) -> "Price":
        tokens = self.input_per_mtok_usd is not None and self.output_per_mtok_usd is not None
        if tokens + (self.per_second_usd is not None) + (self.per_mchar_usd is not None) != 1:
            raise ValueError("a price is per million tokens (input and output), per second or per million characters")
        return self
