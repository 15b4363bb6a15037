"""The compiled YAML: committed, and the same on every machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foresail.errors import UsageError
from foresail_pipelines.compiler import COMPILED, compile_all, compiled_texts, stale

PROGRAM = "from pathlib import Path; from foresail_pipelines.compiler import compile_all; "


@pytest.mark.parametrize(("seed", "zone"), [("0", "UTC"), ("77", "Pacific/Auckland")])
def test_compiles_to_the_committed_files_anywhere(tmp_path: Path, seed: str, zone: str) -> None:
    """Hash seed, time zone and folder leave no trace: the output equals the golden files."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM + "compile_all(Path('out'))"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        check=True,
        timeout=60,
    )
    written = {
        p.relative_to(tmp_path / "out"): p.read_bytes() for p in (tmp_path / "out").rglob("*.yaml")
    }
    golden = {p.relative_to(COMPILED): p.read_bytes() for p in COMPILED.rglob("*.yaml")}
    assert written == golden


def test_stale_names_files_that_are_old_missing_or_foreign(tmp_path: Path) -> None:
    """CI learns which golden files differ, not only that some do."""
    compile_all(tmp_path)
    assert stale(tmp_path) == ()
    (tmp_path / "forecast.yaml").write_text("old")
    (tmp_path / "components" / "train.yaml").unlink()
    (tmp_path / "components" / "other.yaml").write_text("")
    assert stale(tmp_path) == ("components/other.yaml", "components/train.yaml", "forecast.yaml")


def test_an_image_of_ones_own_replaces_ours_everywhere() -> None:
    """A company's registry, or a digest, reaches every executor and nothing else changes."""
    digest = "registry.example/train@sha256:" + "0" * 64
    texts = compiled_texts(image=digest)
    assert texts["forecast.yaml"].count(f"image: {digest}\n") == 7
    assert "ghcr.io" not in "".join(texts.values())


def test_an_image_is_one_word() -> None:
    """A line break in an image would write YAML of its own."""
    with pytest.raises(UsageError, match="expected an image such as registry/name:tag, got 'a b'"):
        compiled_texts(image="a b")
