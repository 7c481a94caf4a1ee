"""Takes the pictures of docs/how-to/edit.md again: `python docs/show_the_edit.py`. It needs no browser."""

import tempfile
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dayreel.media.compose import compose
from dayreel.media.edit_plan import TRANSITIONS, ComposePlan, TransitionPlan
from dayreel.media.ffmpeg_binary import find_ffmpeg
from dayreel.media.fonts import dejavu_folder
from dayreel.media.grade import GRADES, Grade
from dayreel.media.stills import poster
from dayreel.media.stills_as_film import film_of_still
from dayreel.services.making.preview_video import preview_video
from dayreel.services.project import opened_project
from dayreel.settings import load_settings

PICTURES = Path(__file__).parent / "pictures"
WIDTH, HEIGHT = 200, 356
CHANNEL = """\
title: Crafts
topic: A craft on {date}
content_type: crafts
active_from: 2026-11-01
ideas: {provider: anthropic, model: claude-sonnet-5-5}
prompts: {provider: openai, model: gpt-6-luna}
video: {provider: fal, model: fal-ai/wan-25-preview/text-to-video}
segments: {count: 3, duration_s: 4, resolution: 480p}
edit:
  transition: {kind: slide, duration_s: 0.6}
  hook: {text: "Clay remembers every hand"}
  end_card: {text: "More crafts tomorrow"}
"""


def main() -> None:
    """Write edit-preview.png, edit-grades.png and edit-transitions.png."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _preview(folder)
        _looks(folder)


def _preview(folder: Path) -> None:
    (folder / "channels").mkdir()
    (folder / "channels" / "crafts.yaml").write_text(CHANNEL, encoding="utf-8")
    (folder / "workspace.yaml").touch()
    with opened_project(load_settings(folder)) as project:
        made = preview_video(project, project.channels.load("crafts"))
    with Image.open(made.contact_sheet) as sheet:
        sheet.resize((sheet.width * 3 // 5, sheet.height * 3 // 5)).save(PICTURES / "edit-preview.png", optimize=True)


def _looks(folder: Path) -> None:
    ffmpeg, plan = find_ffmpeg(), ComposePlan(width=WIDTH, height=HEIGHT)
    films = []
    for number, (low, high) in enumerate((("#1d3557", "#f4a261"), ("#2a6f57", "#f1faee"))):
        path = folder / f"{number}.png"
        _landscape(low, high).save(path)
        film = folder / f"{number}.mp4"
        film_of_still(
            path, film, duration_s=1, motion="none", ffmpeg=ffmpeg, width=WIDTH, height=HEIGHT, fps=Fraction(24)
        )
        films.append(film)
    shots = {}
    for name in (None, *GRADES):
        made = compose(
            films[:1],
            folder / "g.mp4",
            plan=ComposePlan(**{**vars(plan), "grade": name and Grade(name)}),
            ffmpeg=ffmpeg,
        )
        shots[name or "as it comes"] = _shot(made.path, 0.5, folder)
    _strip(shots).save(PICTURES / "edit-grades.png", optimize=True)
    shots = {}
    for kind in TRANSITIONS:
        change = TransitionPlan(kind, 0.5)
        made = compose(films, folder / "t.mp4", plan=ComposePlan(**{**vars(plan), "transition": change}), ffmpeg=ffmpeg)
        shots[kind] = _shot(made.path, 0.71, folder)
    _strip(shots).save(PICTURES / "edit-transitions.png", optimize=True)


def _landscape(low: str, high: str) -> Image.Image:
    """Return hills before an evening sky."""
    picture = Image.composite(
        Image.new("RGB", (WIDTH, HEIGHT), low),
        Image.new("RGB", (WIDTH, HEIGHT), high),
        Image.linear_gradient("L").rotate(180).resize((WIDTH, HEIGHT)),
    )
    draw = ImageDraw.Draw(picture)
    draw.ellipse((120, 150, 170, 200), fill="#ffe8b0")
    for n, colour in enumerate(("#6d597a", "#355070", "#1b2a41")):
        draw.polygon(
            [(0, 356), (0, 230 + 40 * n), (70 + 30 * n, 200 + 45 * n), (200, 260 + 30 * n), (200, 356)], colour
        )
    return picture


def _shot(film: Path, at_s: float, folder: Path) -> Image.Image:
    with Image.open(poster(film, folder / "shot.jpg", at_s)) as opened:
        picture: Image.Image = opened.copy()
    return picture


def _strip(shots: dict[str, Image.Image]) -> Image.Image:
    strip = Image.new("RGB", (len(shots) * (WIDTH + 8), HEIGHT + 28), "white")
    draw, font = ImageDraw.Draw(strip), ImageFont.truetype(str(dejavu_folder() / "DejaVuSans.ttf"), 16)
    for n, (name, picture) in enumerate(shots.items()):
        strip.paste(picture, (n * (WIDTH + 8), 0))
        draw.text((n * (WIDTH + 8) + WIDTH / 2, HEIGHT + 14), name, fill="black", font=font, anchor="mm")
    return strip.resize((strip.width * 2 // 3, strip.height * 2 // 3), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
