"""How a world begins: as a new developer meets the vendors, or as somebody whose apps are audited and accounts known.

Rows of dated facts and nothing else. What a setting does is its stand-in's; the defaults there are those of `audited`.
"""

from typing import Any, Final

NEW_DEVELOPER: Final = "new_developer"
AUDITED: Final = "audited"

PRESETS: Final[dict[str, dict[str, Any]]] = {
    AUDITED: {},
    NEW_DEVELOPER: {
        # Documented limits a minute, a day and at once hold, as they always do outside.
        "rate_limits": True,
        # TikTok, content-sharing guidelines, 2026-09-11: until its audit an app posts SELF_ONLY, and only for accounts
        # that are set to private at that moment. People are asked which, in vain: most accounts are public.
        "tiktok_audited": False,
        "tiktok_private_account": False,
    },
}


def preset_named(name: str) -> dict[str, Any]:
    """Return the settings of a preset.

    Raises:
        ValueError: there is none of that name; the sentence lists them.
    """
    if name not in PRESETS:
        raise ValueError(f"The sandbox world has no preset {name!r}; it has {', '.join(PRESETS)}.")
    return PRESETS[name]
