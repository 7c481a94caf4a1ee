"""Permits for provider tests. In dayreel only the effect ledger makes them."""

from decimal import Decimal

from dayreel.schemas.effect import EffectKey, EffectKind, Permit


def make_permit(kind: EffectKind, target: str, *, sequence: int = 1) -> Permit:
    """Return a permit as the ledger would, for content `asmr_crafts-2026-11-20`."""
    key = EffectKey("asmr_crafts-2026-11-20", kind, target, sequence, fingerprint="f" * 64)
    return Permit(effect_id=7, key=key, reserved_usd=Decimal("0.50"))
