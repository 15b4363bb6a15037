"""The scripts' own helpers: choosing Python and uv, and a fetched uv that is what was promised."""

import hashlib
import importlib.util
import io
import os
import re
import subprocess
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fetch_uv() -> ModuleType:
    """Give `scripts/_fetch_uv.py` as a module."""
    spec = importlib.util.spec_from_file_location("_fetch_uv", ROOT / "scripts/_fetch_uv.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _shell(line: str, **environment: str) -> str:
    """Return what a line prints after `scripts/_env.sh` was sourced."""
    done = subprocess.run(
        ["bash", "-c", f". {ROOT}/scripts/_env.sh\n{line}"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip()


PAGE = f"""
<a href="https://files.example/uv-1.2.3-py3-none-macosx_11_0_arm64.whl#sha256={"a" * 64}">x</a>
<a href="../../uv-1.2.3-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl#sha256={"b" * 64}"
   data-requires-python="&gt;=3.8">x</a>
<a href="https://files.example/uv-1.2.30-py3-none-musllinux_1_1_x86_64.whl#sha256={"c" * 64}">x</a>
<a href="https://files.example/uv-1.2.3.tar.gz#sha256={"d" * 64}">x</a>
"""


@pytest.mark.parametrize(
    ("tags", "sha256"),
    [(("macosx", "_arm64"), "a" * 64), (("manylinux", "_x86_64"), "b" * 64)],
)
def test_the_wheel_of_this_machine_is_chosen(
    fetch_uv: ModuleType, tags: tuple[str, str], sha256: str
) -> None:
    """System and processor decide, and the version is taken exactly."""
    assert fetch_uv.choose(PAGE, version="1.2.3", tags=tags)[1] == sha256


def test_a_machine_without_a_wheel_is_told(fetch_uv: ModuleType) -> None:
    """1.2.30 is not 1.2.3."""
    with pytest.raises(SystemExit, match=r"no uv 1.2.3 for musllinux _x86_64; install uv yourself"):
        fetch_uv.choose(PAGE, version="1.2.3", tags=("musllinux", "_x86_64"))


def _wheel() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("uv-1.2.3.data/scripts/uv", "#!/bin/sh\necho uv 1.2.3\n")
    return content.getvalue()


def test_a_wheel_becomes_a_program(fetch_uv: ModuleType, tmp_path: Path) -> None:
    """It can be run at once."""
    target = tmp_path / "uv" / "bin" / "uv"
    sha256 = hashlib.sha256(_wheel()).hexdigest()
    fetch_uv.unpack(_wheel(), version="1.2.3", sha256=sha256, target=target)
    assert subprocess.check_output([target], text=True) == "uv 1.2.3\n"
    assert [p.name for p in target.parent.iterdir()] == ["uv"]


def test_a_wheel_that_was_changed_is_refused(fetch_uv: ModuleType, tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(SystemExit, match=r"expected a wheel with sha256 0000.*nothing was written"):
        fetch_uv.unpack(_wheel(), version="1.2.3", sha256="0" * 64, target=tmp_path / "uv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("version", "least", "enough"),
    [
        ("0.10.0", "0.9.0", "yes"),
        ("0.9.0", "0.9.0", "yes"),
        ("0.8.22", "0.9.0", "no"),
        ("1.0.0", "0.9.0", "yes"),
    ],
)
def test_versions_are_compared_by_number(version: str, least: str, enough: str) -> None:
    """0.10 is newer than 0.9."""
    line = f"foresail_at_least {version} {least} && echo yes || echo no"
    assert _shell(line) == enough


def _python(folder: Path, name: str, *, at_least_311: bool, at_least_314: bool) -> None:
    """Write a Python that answers the script's question about its version."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {at_least_311} {at_least_314}\n")
    program.chmod(0o755)


def test_a_python_that_the_lock_knows_is_preferred(tmp_path: Path) -> None:
    """A Python that is too old is passed over, and one that is too new is the last choice."""
    _python(tmp_path, "python3.12", at_least_311=False, at_least_314=False)
    _python(tmp_path, "python3", at_least_311=True, at_least_314=True)
    line = f'PATH="{tmp_path}"; foresail_python'
    assert _shell(line) == f"{tmp_path}/python3"
    _python(tmp_path, "python", at_least_311=True, at_least_314=False)
    assert _shell(line) == f"{tmp_path}/python"
    assert _shell(line, FORESAIL_PYTHON=f"{tmp_path}/python3.12") == f"{tmp_path}/python"


def test_no_python_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is made before."""
    line = f'PATH="{tmp_path}"; foresail_env 2>&1'
    assert _shell(line) == (
        "error: need Python 3.11 or newer on PATH; install it, or set FORESAIL_PYTHON"
    )


def test_scripts_and_images_pin_the_same_uv() -> None:
    """One version of uv reads the lock everywhere."""
    files = ("scripts/_env.sh", "images/train/Dockerfile", "images/serve/Dockerfile")
    pins = [re.findall(r"UV_VERSION=([0-9.]+)", (ROOT / file).read_text()) for file in files]
    assert pins == [pins[0]] * 3
    assert len(pins[0]) == 1


def test_ci_runs_the_whole_test_command() -> None:
    """What CI runs is what a person runs."""
    assert (ROOT / ".ci/run").read_text().endswith("\nexec scripts/test --full\n")
