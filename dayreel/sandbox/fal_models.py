"""What each model on fal takes, as the stand-in checks it: by fal's own types of 2026-08-02, prices of 2026-12-01.

A table of its own: had it been made from what the client believes, a client that believes wrong would pass.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

NO_LIMIT: Final = 20_000


@dataclass(frozen=True, slots=True)
class Model:
    """The rules of one model: what its fields may hold and what it costs.

    Args:
        durations: the values `duration` may take, of exactly this type, the default first; where there is no such
            field, the only length.
        per_second: price by resolution, by "sound", by both ("720p sound"), or "" for every other.
        fields: the other fields it knows.
        aspects: allowed `aspect_ratio` values, the default first; empty where the model has no such field.
        resolutions: likewise for `resolution`.
        prompt_limit: characters.
        sound_field: the switch that turns sound off, where there is one.
        needs: fields beside `prompt` without which it refuses.
        per_video: price of a video by its length, where that is how it is billed.
    """

    durations: tuple[str | int, ...]
    per_second: Mapping[str, str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()
    aspects: tuple[str, ...] = ("16:9", "9:16", "1:1")
    resolutions: tuple[str, ...] = ("1080p", "720p")
    prompt_limit: int = NO_LIMIT
    sound_field: str | None = None
    needs: tuple[str, ...] = ()
    per_video: Mapping[int, str] = field(default_factory=dict)

    @property
    def all_fields(self) -> frozenset[str]:
        """Every field it knows."""
        shaped = {"aspect_ratio"} if self.aspects else set()
        sized = {"resolution"} if self.resolutions else set()
        sound = {self.sound_field} if self.sound_field else set()
        return self.fields | shaped | sized | sound | set(self.needs) | {"prompt", "duration"}

    def price_usd(self, duration_s: int, resolution: str, *, sound: bool) -> Decimal:
        """Return what a video costs."""
        if duration_s in self.per_video:
            return Decimal(self.per_video[duration_s])
        keys = ([f"{resolution} sound", "sound"] if sound and self.sound_field else []) + [resolution, ""]
        per_second = next((self.per_second[key] for key in keys if key in self.per_second), "0")
        return Decimal(per_second) * duration_s


_WIDE: Final = ("16:9", "9:16", "1:1", "4:3", "3:4")
_FILM: Final = ("auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
_WAN: Final = frozenset({"seed", "negative_prompt", "audio_url", "enable_prompt_expansion", "enable_safety_checker"})
_WAN_25: Final = {"480p": "0.05", "720p": "0.10", "1080p": "0.15"}
_KLING: Final = frozenset({"negative_prompt", "cfg_scale"})
_KLING_3: Final = frozenset({*_KLING, "multi_prompt", "shot_type"})
_VEO: Final = frozenset({"seed", "negative_prompt", "auto_fix", "safety_tolerance"})
_VEO_LENGTHS: Final = ("8s", "4s", "6s")
_SEEDANCE: Final = frozenset({"bitrate_mode", "end_user_id"})
_HAILUO: Final = frozenset({"prompt_optimizer"})


def _text(first: int, last: int, default: str) -> tuple[str, ...]:
    return (default, *(length for length in map(str, range(first, last + 1)) if length != default))


def _wan_25(*needs: str, aspects: tuple[str, ...]) -> Model:
    return Model(("5", "10"), _WAN_25, _WAN, aspects, ("1080p", "480p", "720p"), 1500, needs=needs)


def _kling_3(silent: str, sound: str, *needs: str, more: tuple[str, ...] = ()) -> Model:
    aspects = () if needs else ("16:9", "9:16", "1:1")
    prices = {"": silent, "sound": sound}
    fields = _KLING_3 | set(more)
    return Model(_text(3, 15, "5"), prices, fields, aspects, (), 2500, "generate_audio", needs)


def _veo(prices: Mapping[str, str], *needs: str, lengths: tuple[str, ...] = _VEO_LENGTHS) -> Model:
    aspects = ("auto", "16:9", "9:16") if needs else ("16:9", "9:16")
    return Model(lengths, prices, _VEO, aspects, ("720p", "1080p"), NO_LIMIT, "generate_audio", needs)


def _seedance(price: str, *needs: str, more: tuple[str, ...] = ()) -> Model:
    fields = _SEEDANCE | set(more)
    lengths = _text(4, 15, "auto")
    return Model(lengths, {"": price}, fields, _FILM, ("720p", "480p"), NO_LIMIT, "generate_audio", needs)


def _ltx(price: str, *lengths: int, needs: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> Model:
    sizes = ("1080p", "1440p", "2160p")
    aspects = ("auto", "16:9", "9:16") if needs else ("16:9", "9:16")
    return Model(lengths, {"": price}, frozenset({"fps", *more}), aspects, sizes, NO_LIMIT, "generate_audio", needs)


_KLING_25: Final = {"": "0.07"}
_KLING_26: Final = {"": "0.07", "sound": "0.14"}
_H3_MAX: Final = {"480p": "0.05", "768p": "0.08"}
_LENGTHS_H3: Final = tuple(range(5, 16))

MODELS: Final[Mapping[str, Model]] = {
    "fal-ai/wan-25-preview/text-to-video": _wan_25(aspects=("16:9", "9:16", "1:1")),
    "fal-ai/wan-25-preview/image-to-video": _wan_25("image_url", aspects=()),
    "wan/v2.6/text-to-video": Model(
        ("5", "10", "15"), {"": "0.10"}, _WAN | {"multi_shots"}, _WIDE, ("1080p", "720p"), 1500
    ),
    "wan/v2.6/image-to-video": Model(
        ("5", "10", "15"), {"": "0.10"}, _WAN | {"multi_shots"}, (), ("1080p", "720p"), 1500, needs=("image_url",)
    ),
    "fal-ai/wan/v2.7/text-to-video": Model(
        (5, 2, 3, 4, *range(6, 16)),
        {"": "0.10"},
        _WAN,
        _WIDE,
        prompt_limit=5000,
    ),
    "fal-ai/wan/v2.7/image-to-video": Model(
        tuple(range(2, 16)), {"": "0.10"}, _WAN | {"image_url", "end_image_url", "video_url"}, (), prompt_limit=5000
    ),
    "fal-ai/kling-video/v2.5-turbo/pro/text-to-video": Model(
        ("5", "10"), _KLING_25, _KLING, resolutions=(), prompt_limit=2500
    ),
    "fal-ai/kling-video/v2.5-turbo/pro/image-to-video": Model(
        ("5", "10"), _KLING_25, _KLING | {"tail_image_url"}, (), (), 2500, needs=("image_url",)
    ),
    "fal-ai/kling-video/v2.6/pro/text-to-video": Model(
        ("5", "10"), _KLING_26, _KLING, resolutions=(), prompt_limit=2500, sound_field="generate_audio"
    ),
    "fal-ai/kling-video/v2.6/pro/image-to-video": Model(
        ("5", "10"),
        _KLING_26,
        frozenset({"negative_prompt", "end_image_url", "voice_ids"}),
        (),
        (),
        2500,
        "generate_audio",
        ("start_image_url",),
    ),
    "fal-ai/kling-video/v3/standard/text-to-video": _kling_3("0.084", "0.126"),
    "fal-ai/kling-video/v3/pro/text-to-video": _kling_3("0.112", "0.168"),
    "fal-ai/kling-video/v3/pro/image-to-video": _kling_3(
        "0.112", "0.168", "start_image_url", more=("end_image_url", "elements")
    ),
    "fal-ai/kling-video/v3/turbo/pro/text-to-video": Model(
        _text(3, 15, "5"), {"": "0.14"}, frozenset({"multi_prompt"}), resolutions=(), prompt_limit=2500
    ),
    "fal-ai/veo3.1": _veo({"": "0.20", "sound": "0.40"}),
    "fal-ai/veo3.1/fast": _veo({"": "0.10", "sound": "0.15"}),
    "fal-ai/veo3.1/lite": _veo({"720p": "0.03", "720p sound": "0.05", "1080p": "0.05", "1080p sound": "0.08"}),
    "fal-ai/veo3.1/image-to-video": _veo({"": "0.20", "sound": "0.40"}, "image_url"),
    "fal-ai/veo3.1/lite/image-to-video": _veo({"": "0.05"}, "image_url"),
    "fal-ai/veo3.1/fast/first-last-frame-to-video": _veo(
        {"": "0.10", "sound": "0.15"}, "first_frame_url", "last_frame_url"
    ),
    "fal-ai/veo3.1/reference-to-video": _veo({"": "0.20", "sound": "0.40"}, "image_urls", lengths=("8s",)),
    "bytedance/seedance-2.0/text-to-video": _seedance("0.3034"),
    "bytedance/seedance-2.0/fast/text-to-video": _seedance("0.2419"),
    "bytedance/seedance-2.0/image-to-video": _seedance("0.3034", "image_url", more=("end_image_url",)),
    "fal-ai/bytedance/seedance/v1/pro/fast/text-to-video": Model(
        _text(2, 12, "5"),
        {"": "0.049"},
        frozenset({"seed", "camera_fixed", "enable_safety_checker", "num_frames"}),
        _FILM[1:],
        ("1080p", "720p", "480p"),
    ),
    "fal-ai/minimax/hailuo-2.3/standard/text-to-video": Model(
        ("6", "10"), {}, _HAILUO, (), (), per_video={6: "0.28", 10: "0.56"}
    ),
    "fal-ai/minimax/hailuo-2.3/pro/text-to-video": Model((6,), {}, _HAILUO, (), (), per_video={6: "0.49"}),
    "fal-ai/minimax/hailuo-2.3-fast/standard/image-to-video": Model(
        ("6", "10"), {}, _HAILUO, (), (), needs=("image_url",), per_video={6: "0.19", 10: "0.32"}
    ),
    "minimax/h3-max/text-to-video": Model(
        _LENGTHS_H3, _H3_MAX, frozenset(), ("16:9", *_FILM[3:], "21:9"), ("768p", "480p")
    ),
    "minimax/h3-max/image-to-video": Model(
        _LENGTHS_H3, _H3_MAX, frozenset({"end_image_url"}), (), ("768p", "480p"), needs=("image_url",)
    ),
    "fal-ai/ltx-2.3/text-to-video": _ltx("0.08", 6, 8, 10),
    "fal-ai/ltx-2.3/text-to-video/fast": _ltx("0.04", 6, 8, 10, 12, 14, 16, 18, 20),
    "fal-ai/ltx-2.3/image-to-video": _ltx("0.06", 6, 8, 10, needs=("image_url",), more=("end_image_url",)),
}
"""The models that the stand-in knows, by their full id."""


def model_of(model_id: str, arguments: Mapping[str, Any]) -> Model:
    """Return a model's rules; one that the table does not have takes whatever it is sent, and costs nothing here.

    So a model can be rehearsed that came after the table; what the vendor refuses of it, only the vendor knows.
    """
    if model_id in MODELS:
        return MODELS[model_id]
    chosen = {name: (arguments[name],) if name in arguments else () for name in ("aspect_ratio", "resolution")}
    return Model(
        durations=(arguments.get("duration", "5"),),
        fields=frozenset(arguments),
        aspects=chosen["aspect_ratio"],
        resolutions=chosen["resolution"],
        sound_field="generate_audio" if "generate_audio" in arguments else None,
    )
