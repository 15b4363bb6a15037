"""What the server needs on disk: an environment filled from the lock, and gone afterwards."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment.

    Attributes:
        packages: How many, Foresail among them.
        size: Of all their files, bytes.
    """

    packages: int
    size: int


def environment_of(extra: str, folder: Path) -> Environment | str:
    """Install Foresail with an extra, and return what that takes, or why it could not be done."""
    own = ROOT / ".foresail" / "uv" / "bin" / "uv"  # where scripts/_env.sh puts it if need be
    uv = str(own) if own.exists() else shutil.which("uv")
    if not uv:
        return "no uv to install with"
    place, wanted = folder / f"environment-{extra}", folder / f"{extra}.txt"
    python = str(place / "bin" / "python")
    exported = (uv, "export", "--quiet", "--frozen", "--no-dev", "--no-emit-project")
    install = (uv, "pip", "install", "--quiet", "--no-deps", "--python", python)
    for command in (
        (*exported, "--extra", extra, "--output-file", str(wanted), "--project", str(ROOT)),
        (uv, "venv", "--quiet", "--python", sys.executable, str(place)),
        (*install, "--require-hashes", "--requirement", str(wanted)),
        (*install, str(ROOT)),
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{command[1]} failed: {' '.join(done.stderr.split())[-200:]}"
    (packages,) = place.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file()]
    return Environment(
        sum(1 for path in packages.glob("*.dist-info")), sum(f.stat().st_size for f in files)
    )
