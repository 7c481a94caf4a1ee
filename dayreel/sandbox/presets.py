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
        # YouTube: a new Google Cloud project has no API enabled. Uploads from projects that are not verified were
        # locked private until 2026-11-02; what older projects meet since is documented nowhere: the harder case.
        "youtube_api_enabled": False,
        "youtube_locked_private": True,
        # Custom thumbnails take a channel whose phone number is verified (YouTube's help, and its answer to others).
        "youtube_verified": False,
        # Instagram: an app in development, or with standard access, serves only people with a role on it. The reference
        # pages say 50 posts in 24 hours, the guide 100.
        "instagram_app_live": False,
        "instagram_has_role": False,
        # A new account has few followers; trial reels take 1,000 (Instagram's help, second-hand).
        "instagram_followers": 12,
        "instagram_quota_total": 50,
        # fal, 2026-11-29: two requests at once at first, rising to 40 with what was bought; others wait in the queue.
        "fal_concurrency": 2,
        # ElevenLabs, public reports of 2026: a free account, whose API takes no voice of the library (HTTP 402).
        "elevenlabs_tier": "free",
        # Runway, usage tiers, 2026-12-01: credit is bought first; tier 1 makes 1 or 2 tasks at once, 50 to 200 a day.
        "runway_credits": 0,
        "runway_concurrency": 1,
        "runway_daily": 50,
        # ComfyUI as it is installed has its own nodes alone.
        "comfyui_custom_nodes": False,
        # Gemini: a project without billing has a free quota for some models and one of 0 for others.
        "gemini_billing": False,
        # Ollama, after its installation: no model was pulled.
        "openai_compatible_models": "",
        # Chats: an app that was just installed is in no channel.
        "slack_in_channel": False,
        "discord_has_access": False,
        # Make: a scenario that was just built is off until it is switched on.
        "automation_switched_on": False,
        # Google: an app begins in testing, and its refresh tokens then end after 7 days ("Refresh token expiration").
        "youtube_testing": True,
        # Two APIs, each enabled by hand; and a token from before somebody has asked for the analytics scope.
        "youtube_analytics_enabled": False,
        "youtube_scopes": "youtube.upload youtube.readonly",
        # Login Kit brings user.info.basic; further scopes are added to the app one by one.
        "tiktok_scopes": "user.info.basic,video.publish,video.upload,video.list",
        # "Manage OAuth Access Tokens", 2026-11-05: the refresh token before stops working once there is a new one.
        "tiktok_single_use_refresh": True,
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
