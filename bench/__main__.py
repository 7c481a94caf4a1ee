"""Every benchmark of this folder, one after the other, each in a process of its own: `python -m bench [NAME]…`.

A benchmark is a module with a `main()` that prints what it measured and ends with code 1 when a bar is missed. None
needs a network; each runs alone, because they measure time.
"""

import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).parent


def modules() -> list[str]:
    """Return the names of the benchmarks."""
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if "\ndef main(" in path.read_text(encoding="utf-8"))


def main(arguments: list[str]) -> int:
    """Run the benchmarks that were named, or all, and print how each ended; return 1 when any missed a bar."""
    unknown = sorted(set(arguments) - set(modules()))
    if unknown:
        print(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(modules())}.", file=sys.stderr)
        return 2
    ended: dict[str, tuple[int, float]] = {}
    for name in arguments or modules():
        print(f"\n## {name}\n", flush=True)
        begun = time.monotonic()
        code = subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=FOLDER.parent, check=False).returncode
        ended[name] = (code, time.monotonic() - begun)
    print("\n| benchmark | ended | took |\n|---|---|---|")
    for name, (code, seconds) in ended.items():
        print(f"| {name} | {'held' if code == 0 else f'MISSED (exit code {code})'} | {seconds:.0f} s |")
    return 1 if any(code for code, _ in ended.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
