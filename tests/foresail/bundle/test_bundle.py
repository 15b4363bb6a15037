"""A bundle: written once, verified before it is served."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.bundle import Bundle, HorizonEntry, Segment, SeriesEntry
from foresail.bundle.reader import parse_manifest, read_manifest, verify_folder
from foresail.bundle.writer import Publication, write_bundle
from foresail.errors import BadBundle, BadInput

START = datetime(2026, 11, 21, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Words:
    """A fitted model of one word a series, written into a folder of its own folder."""

    words: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> "Words":
        """Return those of these rows."""
        return Words(tuple(self.words[row] for row in rows))

    def save(self, folder: Path) -> None:
        """Write `deep/words.txt`."""
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "words.txt").write_text(" ".join(self.words))


FITTED: Mapping[str, Words] = {"prophet": Words(("one", "two"))}


def entry(name: str, *, hours: int) -> SeriesEntry:
    """Return a series that the naive serves."""
    return SeriesEntry(
        series=name,
        metric="cpu",
        unit="cores",
        hours=hours,
        horizons={"next_day": HorizonEntry(winner="seasonal_naive_24h" if hours else None)},
        segments=(Segment(until_hours=hours, model="seasonal_naive_24h"),) if hours else (),
    )


def publication(forecast: np.ndarray | None = None) -> Publication:
    """Return two series of four steps; the second has no forecast."""
    values = np.arange(24, dtype=np.float64).reshape(2, 4, 3) if forecast is None else forecast
    values = values.copy()
    values[1] = 0
    return Publication(
        metric="cpu",
        trained_until=START,
        quantiles=(0.1, 0.5, 0.9),
        horizons={"next_day": 24},
        index=[entry("a", hours=4), entry("b", hours=0)],
        forecast=values,
        history=np.ones((2, 5)),
        history_digest="d" * 64,
        recipe={"prophet": {}},
        models=FITTED,
        versions={"foresail": "0"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a whole bundle."""
    write_bundle(tmp_path / "bundle", publication())
    return tmp_path / "bundle"


def test_what_is_written_is_what_is_read(folder: Path) -> None:
    """Forecast, history, index and times come back."""
    bundle = Bundle.open(folder)
    np.testing.assert_array_equal(bundle.forecast[0], np.arange(12).reshape(4, 3))
    assert bundle.history.shape == (2, 672)
    assert np.isfinite(bundle.history[0]).sum() == 5
    assert [e.series for e in bundle.index] == ["a", "b"]
    assert bundle.manifest.covers_until == datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_table_for_people_holds_only_served_hours(folder: Path) -> None:
    """forecast.parquet has a row for each hour that is a forecast, and who made it."""
    rows = pd.read_parquet(folder / "forecast.parquet")
    assert rows["series"].tolist() == ["a"] * 4
    assert rows["ds"].iloc[0] == pd.Timestamp(START)
    assert rows["p90"].tolist() == [2.0, 5.0, 8.0, 11.0]
    assert set(rows["model"]) == {"seasonal_naive_24h"}


def test_the_manifest_names_every_file(folder: Path) -> None:
    """Nothing lies in a bundle that has no checksum."""
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(read_manifest(folder).files) == there - {"manifest.json"}


def test_a_contender_s_model_lies_in_a_folder_of_its_name(folder: Path) -> None:
    """Each of its files has a checksum; without a model the folder is empty."""
    assert (folder / "models" / "prophet" / "deep" / "words.txt").read_text() == "one two"
    assert "models/prophet/deep/words.txt" in read_manifest(folder).files
    bare = folder.parent / "bare"
    write_bundle(bare, replace(publication(), models={}))
    assert list((bare / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["../prophet", "", "a/b", "Prophet", "prophet.json"])
def test_a_model_s_name_is_a_plain_word(tmp_path: Path, name: str) -> None:
    """It becomes a folder."""
    with pytest.raises(BadInput, match=r"expected a contender's name such as prophet, got "):
        write_bundle(tmp_path / "b", replace(publication(), models={name: Words(())}))
    assert not (tmp_path / "b" / "manifest.json").exists()


def test_a_folder_is_verified_file_by_file(folder: Path) -> None:
    """One that was changed, taken away or added is told."""
    manifest = read_manifest(folder)
    verify_folder(folder, "models/prophet", manifest)
    path = folder / "models" / "prophet" / "deep" / "words.txt"
    path.write_text("six two")
    with pytest.raises(BadBundle, match=r"models/prophet/deep/words\.txt is not the file"):
        verify_folder(folder, "models/prophet", manifest)
    path.rename(path.with_name("more.txt"))
    with pytest.raises(BadBundle, match=r"models/prophet/deep/words\.txt is missing"):
        verify_folder(folder, "models/prophet", manifest)
    path.write_text("one two")
    with pytest.raises(BadBundle, match=r"manifest\.json does not name models/prophet/deep/more"):
        verify_folder(folder, "models/prophet", manifest)


def test_without_a_manifest_it_is_no_bundle(folder: Path) -> None:
    """The manifest is written last, so its absence means a write that did not finish."""
    (folder / "manifest.json").unlink()
    with pytest.raises(BadBundle, match=r"has no manifest\.json: it is not a whole bundle"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["forecast.npy", "history.npy", "index.json"])
def test_one_flipped_bit_is_refused(folder: Path, name: str) -> None:
    """Every served file is held to its checksum."""
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(BadBundle, match=f"{name} is not the file that was published"):
        Bundle.open(folder)


def test_a_shorter_file_is_refused(folder: Path) -> None:
    """Size and checksum are both checked."""
    data = (folder / "forecast.npy").read_bytes()
    (folder / "forecast.npy").write_bytes(data[:-4])
    with pytest.raises(BadBundle, match="is not the file that was published"):
        Bundle.open(folder)


def test_a_newer_schema_is_refused_by_name(folder: Path) -> None:
    """An old reader does not guess."""
    manifest = json.loads((folder / "manifest.json").read_text())
    with pytest.raises(BadBundle, match="schema version 2, this Foresail reads 1"):
        parse_manifest(json.dumps(manifest | {"schema_version": 2}).encode())


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "", "a\\b", "a\x00b", "."])
def test_a_path_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    """Names come from outside and are never followed out of the bundle."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"]["forecast.npy"]
    with pytest.raises(BadBundle, match="is no path inside the bundle"):
        parse_manifest(json.dumps(manifest).encode())


def test_an_array_of_objects_is_refused(folder: Path) -> None:
    """A pickle is never loaded, even under a true checksum."""
    np.save(folder / "forecast.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    _rehash(folder, "forecast.npy")
    with pytest.raises(BadBundle, match=r"forecast\.npy is not a plain array of numbers"):
        Bundle.open(folder)


@pytest.mark.parametrize(
    ("value", "complaint"), [(np.nan, "not finite"), (99.0, "quantiles that cross")]
)
def test_wrong_numbers_are_refused_under_a_true_checksum(
    folder: Path, value: float, complaint: str
) -> None:
    """The reader checks what the numbers say, not only that they are the ones published."""
    forecast = np.load(folder / "forecast.npy")
    forecast[0, 0, 0] = value
    np.save(folder / "forecast.npy", forecast)
    _rehash(folder, "forecast.npy")
    with pytest.raises(BadBundle, match=complaint):
        Bundle.open(folder)


def test_a_bundle_is_written_once(folder: Path) -> None:
    """A folder that holds something is never written into."""
    with pytest.raises(BadInput, match="is not empty; a bundle is written once"):
        write_bundle(folder, publication())


def test_a_forecast_that_would_be_refused_is_not_written(tmp_path: Path) -> None:
    """Crossing quantiles stop the writer, not the server."""
    with pytest.raises(BadInput, match="its quantiles cross"):
        write_bundle(tmp_path / "b", publication(np.arange(24.0)[::-1].reshape(2, 4, 3)))
    assert not (tmp_path / "b" / "manifest.json").exists()


def _rehash(folder: Path, name: str) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    data = (folder / name).read_bytes()
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
