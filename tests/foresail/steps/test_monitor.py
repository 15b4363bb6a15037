"""Watching the champions, on a staged history and a sqlite file."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from factories.live_bundles import SIX, TRAINED_UNTIL, history_csv, write_live_bundle
from factories.mlflow_files import fresh_mlflow

from foresail.errors import ForesailError, NotFound, UsageError
from foresail.registry import Registry
from foresail.steps import monitor, stage_history

AFTER = TRAINED_UNTIL
BEFORE = TRAINED_UNTIL - timedelta(days=1)
TOLD = (
    "the live error is 66.12 (90 % interval 66.12 to 66.12) times the promise over 6 series and "
    "30 hours; the seasonal naive's is 28.96 times its own: the cluster itself changed"
)


@dataclass(frozen=True)
class House:
    """A registry and a history."""

    folder: Path
    registry: Registry

    @staticmethod
    def at(folder: Path) -> "House":
        """Return an empty one."""
        return House(folder, Registry(fresh_mlflow(folder)))

    @property
    def history(self) -> str:
        """Return where the history is staged."""
        return str(self.folder / "history")

    def promote(self, *, metric: str = "cpu", day: int = 0, **more: object) -> None:
        """Register a bundle that was trained on that day, and make it champion."""
        until = TRAINED_UNTIL + timedelta(days=day)
        folder = self.folder / f"{metric}{day}"
        write_live_bundle(folder, metric=metric, trained_until=until, **more)  # type: ignore[arg-type]
        made = self.registry.register(folder, experiment="foresail")
        assert self.registry.promote(made.name, made.version).promoted

    def came(self, values: Mapping[str, float], *, hours: int = 30) -> None:
        """Stage two days of history, and this for the hours after it."""
        file = history_csv(self.folder / "now.csv", values, hours=hours)
        stage_history.run(
            source=str(file), history_uri=self.history, summary=self.folder / "staged.md"
        )

    def watch(self, *, rollback: bool = False, **more: str) -> dict[str, float]:
        """Run the step."""
        return monitor.run(
            history_uri=self.history,
            report=self.folder / "out" / "live.json",
            metrics_file=self.folder / "out" / "live.prom",
            summary=self.folder / "out" / "live.md",
            tracking_uri=self.registry.tracking_uri,
            rollback=rollback,
            **more,
        )

    def summary(self) -> str:
        """Return the summary's last line."""
        return (self.folder / "out" / "live.md").read_text().splitlines()[-1]


@pytest.fixture(scope="module")
def two_champions(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Return a house where two cpu forecasts have been champion, the second is; to be copied."""
    made = House.at(tmp_path_factory.mktemp("two"))
    made.promote(day=-1)
    made.promote()
    return made


@pytest.fixture
def house(two_champions: House, tmp_path: Path) -> House:
    """Return a house of one's own; the artifacts of its two forecasts, only read, are shared."""
    file = shutil.copy(two_champions.folder / "mlflow.db", tmp_path)
    return House(tmp_path, Registry(f"sqlite:///{file}"))


def test_worse_moves_the_alias_back_with_the_reason(house: House) -> None:
    """The version before is champion, and the one it takes over from says why."""
    house.came({"cpu": 20.0})
    figures = house.watch(rollback=True)
    assert house.registry.version_of("foresail-cpu", "champion") == "1"
    demoted = house.registry.tags("foresail-cpu", "2")
    assert demoted["foresail.rolled_back"] == "true"
    assert demoted["foresail.rollback_reason"] == TOLD
    again = house.registry.promote("foresail-cpu", "2")
    assert (again.promoted, again.reason) == (
        False,
        f"version 2 was rolled back: {TOLD}; `foresail registry promote foresail-cpu 2` to insist",
    )
    assert house.registry.tags("foresail-cpu", "1")["foresail.rollback"] == "true"
    assert figures["cpu_live_ratio"] == pytest.approx(66.1163, abs=1e-4)
    assert (figures["cpu_live_hours"], figures["cpu_worse"], figures["cpu_rolled_back"]) == (
        30.0,
        1.0,
        1.0,
    )
    assert house.summary() == (
        f"- **cpu: worse.** {TOLD}. Rolled back: version 1 is champion again"
    )


def test_without_rollback_nothing_is_changed(house: House) -> None:
    """A dry run says what would happen."""
    house.came({"cpu": 20.0})
    figures = house.watch()
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert "foresail.rollback_reason" not in house.registry.tags("foresail-cpu", "2")
    assert (figures["cpu_worse"], figures["cpu_rolled_back"]) == (1.0, 0.0)
    assert house.summary().endswith("Dry run: with rollback version 1 would be champion again")


def test_a_promise_that_is_kept_leaves_the_champion(house: House) -> None:
    """Rollback is asked for, and there is no reason for it."""
    house.came({"cpu": 10.0})
    figures = house.watch(rollback=True)
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert (figures["cpu_live_ratio"], figures["cpu_worse"]) == (pytest.approx(1.0), 0.0)


def test_three_hours_move_nothing(house: House) -> None:
    """However wrong they are."""
    house.came({"cpu": 20.0}, hours=3)
    figures = house.watch(rollback=True)
    assert figures == {"cpu_live_hours": 3.0, "cpu_worse": 0.0, "cpu_rolled_back": 0.0}
    assert house.registry.version_of("foresail-cpu", "champion") == "2"


def test_the_first_champion_stays_and_says_so(house: House) -> None:
    """After the rollback there is no version before: run again, the alias stays where it is."""
    house.came({"cpu": 20.0})
    house.watch(rollback=True)
    figures = house.watch(rollback=True)
    assert (figures["cpu_worse"], figures["cpu_rolled_back"]) == (1.0, 0.0)
    assert house.registry.version_of("foresail-cpu", "champion") == "1"
    assert house.summary().endswith("No champion is recorded before version 1: nothing is changed")


def test_a_champion_before_that_is_worse_still_is_no_remedy(tmp_path: Path) -> None:
    """It forecasts 5 where 10 is forecast and 20 comes; a little less than 10 would have done."""
    house = House.at(tmp_path)
    house.promote(day=-1, offset=-5.0)
    house.promote()
    house.came({"cpu": 20.0})
    house.watch(rollback=True)
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert (
        "Version 1, champion before, is worse still: its error is 1.53 (90 % interval 1.53 to "
        "1.53) times this one's on the same hours, so version 2 stays champion"
    ) in house.summary()


def test_a_champion_before_that_is_hardly_worse_is_a_remedy(tmp_path: Path) -> None:
    """It forecasts 9.75: an error of 2.6 % more, where 5 % may be."""
    house = House.at(tmp_path)
    house.promote(day=-1, offset=-0.25)
    house.promote()
    house.came({"cpu": 20.0})
    assert house.watch(rollback=True)["cpu_rolled_back"] == 1.0


def test_a_champion_before_that_soon_runs_out_is_no_remedy(tmp_path: Path) -> None:
    """Within a day servers would have nothing to answer with."""
    house = House.at(tmp_path)
    house.promote(day=-12)
    house.promote()
    house.came({"cpu": 20.0})
    house.watch(rollback=True)
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert house.summary().endswith(
        "Version 1, champion before, ends at 2026-02-02T00:00:00Z, so version 2 stays champion"
    )


def test_a_champion_before_of_other_series_is_no_remedy(tmp_path: Path) -> None:
    """Four ids in common do not tell which is better."""
    house = House.at(tmp_path)
    house.promote(day=-1, series=SIX[:4])
    house.promote()
    house.came({"cpu": 20.0})
    house.watch(rollback=True)
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert house.summary().endswith(
        "Version 1, champion before, shares too few series with it to be compared, "
        "so version 2 stays champion"
    )


def test_one_step_back_is_all_that_is_done_unasked(tmp_path: Path) -> None:
    """Where the cluster itself has changed, every older version is as bad."""
    house = House.at(tmp_path)
    for day in (-2, -1, 0):
        house.promote(day=day)
    house.came({"cpu": 20.0})
    assert house.watch(rollback=True)["cpu_rolled_back"] == 1.0
    assert house.watch(rollback=True)["cpu_rolled_back"] == 0.0
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert house.summary().endswith(
        "It was rolled back to already, so version 2 stays champion until a person or a training "
        "moves it"
    )


def test_cpu_and_memory_are_judged_apart(house: House) -> None:
    """One came as forecast and stays, the other doubled and moves back."""
    for day in (-1, 0):
        house.promote(metric="memory", day=day)
    house.came({"cpu": 10.0, "memory": 20.0})
    figures = house.watch(rollback=True)
    assert (figures["cpu_worse"], figures["memory_worse"]) == (0.0, 1.0)
    assert house.registry.version_of("foresail-cpu", "champion") == "2"
    assert house.registry.version_of("foresail-memory", "champion") == "1"


def test_only_the_metrics_that_are_asked_for_are_watched(house: House) -> None:
    """The other is left alone."""
    house.promote(metric="memory")
    house.came({"cpu": 10.0, "memory": 20.0})
    assert {name.partition("_")[0] for name in house.watch(metrics="cpu")} == {"cpu"}


def test_one_model_that_cannot_be_watched_does_not_stop_the_other(house: House) -> None:
    """The one is judged and written; the step fails afterwards and names memory."""
    house.came({"cpu": 20.0})
    problem = "foresail-memory: no version has the alias champion; run the pipeline first"
    with pytest.raises(ForesailError, match=problem):
        house.watch(rollback=True, metrics="cpu,memory")
    assert house.registry.version_of("foresail-cpu", "champion") == "1"
    assert house.summary() == f"- **not watched.** {problem}"


def test_the_report_holds_every_series(house: House) -> None:
    """JSON without NaN: figures of each series at each horizon, stamps in UTC."""
    house.came({"cpu": 20.0})
    house.watch(rollback=True)
    told = json.loads((house.folder / "out" / "live.json").read_text())
    (model,) = told["models"]
    assert (model["model"], model["version"], model["serving"]) == ("foresail-cpu", "2", "1")
    assert (model["rolled_back"], model["live"]["verdict"]) == (True, "worse")
    assert model["live"]["trained_until"] == "2026-01-31T00:00:00Z"
    assert model["live"]["observed_until"] == "2026-02-01T06:00:00Z"
    assert len(model["live"]["series"]) == 12
    assert model["live"]["series"][0]["bias"] == -10.0
    page = (house.folder / "out" / "live.prom").read_text()
    assert 'foresail_live_rolled_back{metric="cpu"} 1\n' in page
    assert [p.name for p in sorted((house.folder / "out").iterdir())] == [
        *("live.json", "live.md", "live.prom"),
    ]


def test_as_of_cuts_what_came(house: House) -> None:
    """Nothing after it is known: two hours came, or none."""
    house.came({"cpu": 20.0})
    assert house.watch(as_of="2026-01-31T01:00:00Z")["cpu_live_hours"] == 2.0
    assert house.watch(as_of="2026-01-30T23:00:00Z")["cpu_live_hours"] == 0.0


def test_another_alias_is_watched_but_never_rolled_back(house: House) -> None:
    """A challenger in the shadow has nothing to give back."""
    house.came({"cpu": 20.0})
    assert house.watch(alias="challenger")["cpu_worse"] == 1.0
    with pytest.raises(UsageError, match="only the alias champion is rolled back, not challenger"):
        house.watch(alias="challenger", rollback=True)


def test_a_registry_without_a_champion_says_so(tmp_path: Path) -> None:
    """Before the first promotion there is nothing to watch."""
    house = House.at(tmp_path)
    write_live_bundle(tmp_path / "cpu")
    house.registry.register(tmp_path / "cpu", experiment="foresail")
    with pytest.raises(NotFound, match=r"no model at sqlite.* has the alias champion; run the"):
        house.watch()
