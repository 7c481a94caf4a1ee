"""The words that a video model gets for a segment, and how much room each of them has. Pure."""

from dataclasses import dataclass

from dayreel.schemas.content import VideoPrompt

WORDS = (100, 200)
"""How many words a video prompt has, where there is room for them."""
_SOUND = "\n\nSound: "
# A sentence or two; what is seen needs the room more.
_MOST_SOUND = 300
_CHARACTERS_A_WORD = 8


@dataclass(frozen=True)
class PromptRoom:
    """How many characters a video model takes, and how many of them are for what.

    Attributes:
        total: of both prompts and the line between them.
        video: of the video prompt.
        audio: of the audio prompt.
        is_second_hand: whether the vendor itself does not say so: then a longer prompt is not asked for again.
    """

    total: int
    video: int
    audio: int
    is_second_hand: bool = False

    @property
    def words(self) -> tuple[int, int]:
        """The fewest and most words of a video prompt."""
        least, most = WORDS
        return min(least, self.video // _CHARACTERS_A_WORD), most

    def __str__(self) -> str:
        """Return it as it is put to a language model."""
        return (
            f"The video model takes at most {self.total} characters a clip. Each video prompt has at most {self.video} "
            f"characters, and each audio prompt at most {self.audio}; count spaces and punctuation."
        )


def prompt_room(limit: int, *, is_second_hand: bool = False) -> PromptRoom:
    """Return how a model's limit, in characters, is shared."""
    audio = min(_MOST_SOUND, limit // 5)
    return PromptRoom(limit, limit - len(_SOUND) - audio, audio, is_second_hand)


def segment_prompt(prompt: VideoPrompt) -> str:
    """Return what the video model is given: what is seen, and what is heard."""
    return f"{prompt.video_prompt}{_SOUND}{prompt.audio_prompt}"
