"""What is installed is what we wrote, whole."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = {"foresail", "foresail_components", "foresail_pipelines", "foresail_serving"}


def test_the_wheel_holds_our_packages_and_nothing_else(tmp_path: Path) -> None:
    """Four packages with their templates and compiled pipelines; no test, no script."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert "foresail/reports/templates/quality.html" in names
    assert "foresail_pipelines/compiled/forecast.yaml" in names
    assert {
        f"foresail_serving/web/{name}" for name in ("index.html", "app.js", "style.css")
    } <= set(names)
    assert all(f"{package}/py.typed" in names for package in PACKAGES)
