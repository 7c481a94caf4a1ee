"""Draws the pictures of captions in the docs: the styles side by side, and one line of each writing system.

    python docs/show_captions.py        # writes docs/pictures/captions-*.png; needs the extra `cjk`

Nothing here is a test; it exists so that the pictures show what the code does today.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from dayreel.media.captions import STYLES, write_ass  # noqa: E402  found through the line above
from dayreel.media.ffmpeg_binary import find_ffmpeg  # noqa: E402
from dayreel.media.fonts import Fonts, dejavu_folder  # noqa: E402
from dayreel.providers.speech.contract import estimated_words  # noqa: E402

WIDTH, HEIGHT = 360, 640
COLUMNS = 4
LENGTH_S = 4.0
LINES = {
    "en": "Every jar begins as clay",
    "el": "Κάθε βάζο αρχίζει από πηλό",
    "ru": "Утром я увидел котёнка",
    "hy": "Այսօր առավոտյան կատու տեսա",
    "ka": "დღეს დილით პარკში კატა ვნახე",
    "he": "הבוקר ראיתי בפארק חתול מקסים",
    "ar": "رأيتُ اليوم قطةً جميلةً في الحديقة",
    "ur": "آج صبح میں نے پارک میں ایک بلی دیکھی",
    "hi": "आज सुबह पार्क में एक प्यारी बिल्ली देखी",
    "bn": "আজ সকালে পার্কে একটি বিড়াল দেখলাম",
    "pa": "ਅੱਜ ਸਵੇਰੇ ਮੈਂ ਇੱਕ ਬਿੱਲੀ ਦੇਖੀ",
    "gu": "આજે સવારે મેં એક બિલાડી જોઈ",
    "or": "ଆଜି ସକାଳେ ମୁଁ ଗୋଟିଏ ବିଲେଇ ଦେଖିଲି",
    "ta": "இன்று காலை ஒரு பூனையைப் பார்த்தேன்",
    "te": "ఈ ఉదయం నేను ఒక పిల్లిని చూశాను",
    "kn": "ಇಂದು ಬೆಳಿಗ್ಗೆ ನಾನು ಬೆಕ್ಕನ್ನು ನೋಡಿದೆ",
    "ml": "ഇന്ന് രാവിലെ ഞാൻ ഒരു പൂച്ചയെ കണ്ടു",
    "si": "අද උදේ මම ලස්සන පූසෙක් දැක්කා",
    "th": "วันนี้ฉันเห็นลูกแมวน่ารักมากในสวน",
    "lo": "ມື້ນີ້ຂ້ອຍເຫັນລູກແມວໜ້າຮັກ",
    "km": "ថ្ងៃនេះខ្ញុំបានឃើញកូនឆ្មាគួរឱ្យស្រលាញ់",
    "my": "ဒီနေ့ကျွန်တော်ပန်းခြံထဲမှာကြောင်လေးတွေ့တယ်",
    "am": "ዛሬ ጠዋት በፓርኩ ውስጥ ድመት አየሁ",
    "zh": "我今天早上在公园里看到了一只非常可爱的小猫",
    "zh-TW": "我今天早上在公園裡看到了一隻非常可愛的小貓",
    "ja": "今日は朝から公園でとても可愛い子猫を見ました",
    "ko": "오늘 아침 공원에서 귀여운 고양이를 봤어요",
    "emoji": "Done 😀 👩\u200d👩\u200d👧\u200d👦 ❤\ufe0f 🇩🇪 1\ufe0f\u20e3",
}


def main() -> None:
    """Draw both."""
    with tempfile.TemporaryDirectory(prefix="dayreel-captions-") as folder:
        styles = [
            frame(Path(folder), "Every jar begins as clay, and ends as light.", "en", name, 0.9) for name in STYLES
        ]
        sheet = Image.new("RGB", (WIDTH * len(styles), HEIGHT))
        for number, picture in enumerate(styles):
            sheet.paste(picture, (number * WIDTH, 0))
        sheet.save(HERE / "pictures" / "captions-styles.png", optimize=True)
        top, bottom = round(HEIGHT * 0.58), round(HEIGHT * 0.66)
        lines = [
            frame(Path(folder), text, language, "highlight", 0.7).crop((0, top, WIDTH, bottom))
            for language, text in LINES.items()
        ]
        rows = -(-len(lines) // COLUMNS)
        sheet = Image.new("RGB", (WIDTH * COLUMNS, rows * (bottom - top)))
        for number, picture in enumerate(lines):
            sheet.paste(picture, (number % COLUMNS * WIDTH, number // COLUMNS * (bottom - top)))
        sheet.save(HERE / "pictures" / "captions-scripts.png", optimize=True)


def frame(folder: Path, text: str, language: str, style: str, at_s: float) -> Image.Image:
    """Return one moment of captions, as the product's ffmpeg draws them on a film."""
    captions, picture = folder / "captions.ass", folder / "frame.png"
    words = estimated_words(text, LENGTH_S)
    write_ass(
        words,
        captions,
        width=WIDTH,
        height=HEIGHT,
        total_s=LENGTH_S,
        style=style,
        fonts=Fonts(language),
        narration=text,
    )
    ground = folder / "ground.png"
    ImageOps.colorize(Image.linear_gradient("L").resize((WIDTH, HEIGHT)), "#24505c", "#b0714f").save(ground)
    drawn = f"subtitles={captions}:fontsdir={dejavu_folder()},trim=start={at_s}"
    film = ["-loop", "1", "-framerate", "20", "-t", "2", "-i", str(ground)]
    command = [str(find_ffmpeg()), "-v", "error", "-y", *film, "-vf", drawn, "-frames:v", "1"]
    subprocess.run([*command, str(picture)], check=True)
    return Image.open(picture).convert("RGB")


if __name__ == "__main__":
    main()
