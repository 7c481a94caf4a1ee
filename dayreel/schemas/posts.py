"""What a channel file may say about its posts on any platform; what a platform takes beside it is in its own file."""

from dataclasses import dataclass

from pydantic import Field

from dayreel.schemas.strict import Strict


@dataclass(frozen=True)
class PlatformAccount:
    """Whose account a platform says it is: its own id of it, and the name that people know it by."""

    id: str
    name: str

    def __str__(self) -> str:
        """Return both, for people."""
        return self.id if self.name in ("", self.id) else f"{self.name} ({self.id})"


class PostFields(Strict):
    """How a content is posted on a platform."""

    ai_disclosure: bool = Field(default=True, description="label the post as made with AI")
    hashtags: tuple[str, ...] = Field((), description="added to the caption")
