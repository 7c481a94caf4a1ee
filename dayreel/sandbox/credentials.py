"""The only keys, tokens and account ids the sandbox world accepts. They open nothing anywhere else.

Those by which a vendor's client shows who it is are in the vendor's record; they are attributes of this module by the
names of their variables. Here is what the stand-ins know beside them.
"""

from dayreel.vendors.registry import sandbox_variables

SANDBOX_CREDENTIALS = sandbox_variables()
"""What the sandbox accepts, by the names the environment uses for the real ones."""

INSTAGRAM_FACEBOOK_TOKEN = SANDBOX_CREDENTIALS["INSTAGRAM_ACCESS_TOKEN"]
INSTAGRAM_LOGIN_TOKEN = "IGAAsandbox-instagram-login-token"  # noqa: S105
INSTAGRAM_USERNAME = "sandbox_creator"
TIKTOK_OPEN_ID = "sandbox-open-id-0001"
TIKTOK_USERNAME = "sandbox_creator"
YOUTUBE_CHANNEL_ID = "UCsandboxcreator00000000"
YOUTUBE_UPLOADS_ID = "UUsandboxcreator00000000"
DISCORD_APPLICATION_ID = "1100000000000000001"
# The stand-in signs with this seed; the public half is what dayreel checks with.
DISCORD_SIGNING_SEED = "73616e64626f782d646973636f72642d7369676e696e672d736565642d333221"
KLING_API_KEY = "sandbox-kling-api-key"
SPEECH_CLIENT_TOKEN = "6A5AA1D4EAFF4E9FB37E23D68491D6F4"  # noqa: S105 - the public constant inside edge-tts


def __getattr__(name: str) -> str:
    """Return what the stand-in of the vendor with this variable takes."""
    try:
        return SANDBOX_CREDENTIALS[name]
    except KeyError:
        raise AttributeError(name) from None
