"""`make deploy-check`: does systemd take the units, and does the Ansible role do what it says, twice?

The role runs for real, into a temporary folder, without users, services and the virtual environment; what it has put
there is what systemd then looks at. What a unit means for dayreel is `tests/conventions/test_deploy.py`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BIN = Path(sys.executable).parent
UNITS = ("dayreel.service", "dayreel-library.service", "dayreel-worker@attic.service")
MOST_EXPOSED = 2.0
"""Of 10, as `systemd-analyze security` counts: a unit without any hardening has 9.6."""
VARIABLES = {
    "dayreel_desk": "true",
    "dayreel_watch": "true",
    "dayreel_library": "/mnt/media",
    "dayreel_manage_users": "false",
    "dayreel_manage_services": "false",
}
WORKERS = (
    '{"dayreel_workers": [{"name": "attic", "roles": "remux,transcode"}], "dayreel_secrets": {"FAL_KEY": "s\\"3"}}'
)


def main() -> int:
    """Run every check; return how many failed."""
    with tempfile.TemporaryDirectory(prefix="dayreel-deploy-") as name:
        folder = Path(name)
        checks = [
            *_ansible(folder, folder / "root"),
            *(_systemd(folder / "root") if shutil.which("systemd-analyze") else [_skipped("systemd-analyze")]),
        ]
    for what, problem in checks:
        print(f"{'FAILED ' if problem else 'ok     '}{what}{f': {problem}' if problem else ''}")
    return sum(bool(problem) for _, problem in checks)


def _skipped(program: str) -> tuple[str, str]:
    return f"units are not looked at: there is no {program} on this machine", ""


def _ansible(folder: Path, root: Path) -> list[tuple[str, str]]:
    """Check the syntax, the whole role in check mode, and that a second run has nothing to do."""
    playbook = str(HERE / "ansible" / "site.yml")
    example = str(HERE / "ansible" / "inventory.example.yml")
    inventory = folder / "inventory"
    inventory.write_text("[factory]\nlocalhost ansible_connection=local\n[workers]\n")
    root.mkdir()
    me = {"dayreel_user": str(os.getuid()), "dayreel_group": str(os.getgid()), "dayreel_prefix": str(root)}
    options = ["-e", WORKERS, "-e", "ansible_become=false", "-e", f"ansible_python_interpreter={sys.executable}"]
    for variable, value in {**VARIABLES, **me}.items():
        options += ["-e", f"{variable}={value}"]
    here = ["-i", str(inventory), *options, playbook]
    steps = [
        ("the example is a playbook", _played(folder, "--syntax-check", "-i", example, playbook)),
        ("the role in check mode", _played(folder, "--check", *here)),
        ("the role without its virtual environment", _played(folder, "--skip-tags", "install", *here)),
    ]
    again, output = _run(folder, "--skip-tags", "install", *here)
    changed = re.findall(r"changed=(\d+)", output)
    is_idle = again == 0 and changed == ["0"]
    steps.append(("the role again, with nothing to do", "" if is_idle else f"changed {changed}\n{output}"))
    return steps


def _played(folder: Path, *arguments: str) -> str:
    code, output = _run(folder, *arguments)
    return "" if code == 0 else output


def _run(folder: Path, *arguments: str) -> tuple[int, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
        "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
    }
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), *arguments],
        cwd=HERE / "ansible",
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _systemd(root: Path) -> list[tuple[str, str]]:
    """Let systemd read the units that the role has put there, beside a program of the name they start."""
    program = root / "opt/dayreel/venv/bin/dayreel"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    # The targets that the units name are the machine's own.
    shutil.copytree("/usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    steps = []
    for unit in UNITS:
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one", f"--root={root}", unit],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        output = (done.stdout + done.stderr).strip()
        steps.append((f"systemd takes {unit}", output if done.returncode or output else ""))
        steps.append((f"{unit} is confined", _exposed(root, unit)))
    return steps


def _exposed(root: Path, unit: str) -> str:
    line = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={int(MOST_EXPOSED * 10)}"]
    done = subprocess.run([*line, f"--root={root}", unit], capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


if __name__ == "__main__":
    sys.exit(main())
