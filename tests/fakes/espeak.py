"""A program with the command line of espeak-ng: two seconds of a tone, and what it was given, in a file `seen`."""

import stat
import sys
from pathlib import Path

_SOURCE = """#!{python}
import os, sys, time, wave
arguments = sys.argv[1:]
voice, speed, path = (arguments[arguments.index(flag) + 1] for flag in ("-v", "-s", "-w"))
assert arguments[-1] == "--stdin"
text = sys.stdin.buffer.read().decode("utf-8")
if voice == "nobody":
    sys.exit("Error: The specified espeak-ng voice does not exist.")
if voice == "slow":
    time.sleep(600)
open({seen!r}, "w").write(repr((dict(os.environ), speed, text)))
if voice == "broken":
    open(path, "wb").write(b"half a file")
    sys.exit(0)
with wave.open(path, "wb") as out:
    out.setnchannels(1)
    out.setsampwidth(2)
    out.setframerate(22050)
    out.writeframes((b"\\0\\x10" * 25 + b"\\0\\xf0" * 25) * (0 if voice == "silent" else 882))
"""


def make_espeak(folder: Path) -> Path:
    """Put the program into `folder`/bin and return it."""
    script = folder / "bin" / "espeak-ng"
    script.parent.mkdir()
    script.write_text(_SOURCE.format(python=sys.executable, seen=str(folder / "seen")))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script
