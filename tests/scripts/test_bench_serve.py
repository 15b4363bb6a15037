"""The server's benchmark compares like with like, and sees a bad answer."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from servers.base import require

ROOT = Path(__file__).parents[2]
OWN = ("date",)
"""What changes with the second."""


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """Give the benchmark's modules by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        names = ("serve_load", "serve_bundles")
        yield {name: importlib.import_module(f"benchmarks.{name}") for name in names}


@pytest.mark.heavy
def test_the_bare_app_gives_the_servers_bytes(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    """Status, headers and body are the same, so that only the way to them differs."""
    load, cores = modules["serve_load"], modules["serve_load"].Cores()
    modules["serve_bundles"].fill_cache(tmp_path / "cache", series=2)
    with load.foresail(tmp_path / "cache", cores) as server:
        status, headers, body = server.get("/v1/next_day")
        with load.app("bare", (headers, body), tmp_path, cores) as bare:
            same = bare.get("/")
    assert (status, body) == (same[0], same[2])
    named, others = (sorted(h for h in hs if h[0] not in OWN) for hs in (headers, same[1]))
    assert named == others


@pytest.mark.heavy
def test_a_bad_answer_is_no_figure(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """A server that refuses is fast; the benchmark stops instead of praising it."""
    require("wrk", package="wrk")
    load = modules["serve_load"]
    modules["serve_bundles"].fill_cache(tmp_path, series=1)
    with load.foresail(tmp_path, load.Cores()) as server:
        good = load.Target(server, "/v1/next_day").load(seconds=1)
        assert good.rate > 0
        assert good.per_cpu > 0
        with pytest.raises(SystemExit, match="/v1/next_day\\?metric=x: Non-2xx"):
            load.Target(server, "/v1/next_day?metric=x").load(seconds=1)
