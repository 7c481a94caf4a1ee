"""The only keys, tokens and account ids the sandbox world accepts. They open nothing anywhere else."""

ANTHROPIC_API_KEY = "sandbox-anthropic-key"
OPENAI_API_KEY = "sandbox-openai-key"
FAL_KEY = "sandbox-fal-id:sandbox-fal-secret"
KLING_ACCESS_KEY = "sandbox-kling-access"
KLING_SECRET_KEY = "sandbox-kling-secret-of-at-least-32-bytes"  # noqa: S105 - HS256 wants 32 bytes; opens only the sandbox

INSTAGRAM_FACEBOOK_TOKEN = "EAAsandbox-facebook-login-token"  # noqa: S105
INSTAGRAM_LOGIN_TOKEN = "IGAAsandbox-instagram-login-token"  # noqa: S105
INSTAGRAM_ACCOUNT_ID = "17841400000000001"
INSTAGRAM_USERNAME = "sandbox_creator"

TIKTOK_ACCESS_TOKEN = "act.sandbox-creator"  # noqa: S105
TIKTOK_REFRESH_TOKEN = "rft.sandbox-creator"  # noqa: S105
TIKTOK_CLIENT_KEY = "sandbox-tiktok-client-key"
TIKTOK_CLIENT_SECRET = "sandbox-tiktok-client-secret"  # noqa: S105
TIKTOK_OPEN_ID = "sandbox-open-id-0001"
TIKTOK_USERNAME = "sandbox_creator"

YOUTUBE_CLIENT_ID = "sandbox-youtube-client.apps.googleusercontent.example"
YOUTUBE_CLIENT_SECRET = "sandbox-youtube-client-secret"  # noqa: S105
YOUTUBE_REFRESH_TOKEN = "1//sandbox-youtube-refresh"  # noqa: S105
YOUTUBE_CHANNEL_ID = "UCsandboxcreator00000000"
YOUTUBE_UPLOADS_ID = "UUsandboxcreator00000000"

SLACK_BOT_TOKEN = "xoxb-sandbox"  # noqa: S105
SLACK_CHANNEL_ID = "C0SANDBOX1"
SLACK_SIGNING_SECRET = "sandbox-slack-signing-secret"  # noqa: S105

DISCORD_BOT_TOKEN = "sandbox.discord-bot.token"  # noqa: S105
DISCORD_CHANNEL_ID = "1200000000000000001"
DISCORD_APPLICATION_ID = "1100000000000000001"
# The stand-in signs with this seed; the public half is what dayreel checks with.
DISCORD_SIGNING_SEED = "73616e64626f782d646973636f72642d7369676e696e672d736565642d333221"
DISCORD_PUBLIC_KEY = "37ce559987398a3b33cb9468744d7c4377fcaa82ca900cf3997b1994e1a974fb"

TMDB_TOKEN = "sandbox-tmdb-read-access-token"  # noqa: S105

SPEECH_CLIENT_TOKEN = "6A5AA1D4EAFF4E9FB37E23D68491D6F4"  # noqa: S105 - the public constant inside edge-tts

SANDBOX_CREDENTIALS: dict[str, str] = {
    "ANTHROPIC_API_KEY": ANTHROPIC_API_KEY,
    "OPENAI_API_KEY": OPENAI_API_KEY,
    "FAL_KEY": FAL_KEY,
    "KLING_ACCESS_KEY": KLING_ACCESS_KEY,
    "KLING_SECRET_KEY": KLING_SECRET_KEY,
    "INSTAGRAM_ACCESS_TOKEN": INSTAGRAM_FACEBOOK_TOKEN,
    "INSTAGRAM_ACCOUNT_ID": INSTAGRAM_ACCOUNT_ID,
    "TIKTOK_ACCESS_TOKEN": TIKTOK_ACCESS_TOKEN,
    "TIKTOK_CLIENT_KEY": TIKTOK_CLIENT_KEY,
    "TIKTOK_CLIENT_SECRET": TIKTOK_CLIENT_SECRET,
    "TIKTOK_REFRESH_TOKEN": TIKTOK_REFRESH_TOKEN,
    "YOUTUBE_CLIENT_ID": YOUTUBE_CLIENT_ID,
    "YOUTUBE_CLIENT_SECRET": YOUTUBE_CLIENT_SECRET,
    "YOUTUBE_REFRESH_TOKEN": YOUTUBE_REFRESH_TOKEN,
    "TMDB_TOKEN": TMDB_TOKEN,
    "SLACK_BOT_TOKEN": SLACK_BOT_TOKEN,
    "SLACK_CHANNEL_ID": SLACK_CHANNEL_ID,
    "SLACK_SIGNING_SECRET": SLACK_SIGNING_SECRET,
    "DISCORD_BOT_TOKEN": DISCORD_BOT_TOKEN,
    "DISCORD_CHANNEL_ID": DISCORD_CHANNEL_ID,
    "DISCORD_PUBLIC_KEY": DISCORD_PUBLIC_KEY,
}
"""What the sandbox accepts, by the names the environment uses for the real ones."""
