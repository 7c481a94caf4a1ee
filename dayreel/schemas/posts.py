"""What a channel file may say about its posts on any platform; what a platform takes beside it is in its own file."""

from pydantic import Field

from dayreel.schemas.strict import Strict


class PostFields(Strict):
    """How a content is posted on a platform."""

    ai_disclosure: bool = Field(default=True, description="label the post as made with AI")
    hashtags: tuple[str, ...] = Field((), description="added to the caption")
