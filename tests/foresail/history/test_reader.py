"""Range queries onto a grid."""

import random
import time
from collections.abc import Callable

import numpy as np
import pytest
from factories.clocks import HandClock
from factories.wire import Asked, Told, matrix, refusal, site
from servers.prometheus import OddServer

from foresail.errors import BadInput
from foresail.history.connection import Connection, TooManySamples
from foresail.history.reader import Grid, Labels, RangeReader, Span
from foresail.history.throttle import Load, Throttle
from foresail.settings import Settings

SPAN = Span(start=3600, step=300, points=4)
A: Labels = (("node", "a"),)
B: Labels = (("node", "b"),)


def series(*points: tuple[float, str], **labels: str) -> dict[str, object]:
    """Return a series as the query API writes it."""
    return {"metric": labels, "values": [list(point) for point in points]}


def connect(url: str, load: Load = "normal") -> Connection:
    """Return a connection whose pauses take no time."""
    clock = HandClock()
    throttle = Throttle(load, clock=clock.now, sleep=clock.sleep)
    return Connection(url, settings=Settings(), load=load, throttle=throttle)


def read(
    url: str,
    *texts: str,
    span: Span = SPAN,
    names: tuple[str, ...] = ("node",),
    budget: int = 250_000,
    series: int = 1,
    load: Load = "normal",
    allow_partial: bool = False,
) -> Grid:
    """Read, and let go of the sockets."""
    connection = connect(url, load)
    reader = RangeReader(connection, allow_partial=allow_partial, budget=budget)
    try:
        return reader.read(texts or ("x",), span, names=names, what="p", series=series)
    finally:
        connection.close()


def asked_span(asked: Asked) -> Span:
    """Return what a request asks for."""
    start, end, step = (int(asked.params[name]) for name in ("start", "end", "step"))
    return Span(start, step, (end - start) // step + 1)


def telling(nodes: int, *, most: int = 11_000) -> Callable[[Asked], Told]:
    """Return a server of so many nodes, whose value is the node's number times the instant.

    Each node has a gap of its own, and an answer may take a while; it refuses too many points.
    """
    lots = random.Random(0)  # noqa: S311  # of no secret

    def tell(asked: Asked) -> Told:
        span = asked_span(asked)
        if span.points > most:
            return Told(refusal("query processing would load too many samples"), status=422)
        time.sleep(lots.random() * 0.003)
        stamps = range(span.start, span.end + 1, span.step)
        found = [
            series(*((t, f"{n * t}") for t in stamps if t // span.step % 7 != n), node=f"n{n:02}")
            for n in range(nodes)
        ]
        return Told(matrix(*(one for one in found if one["values"])))

    return tell


def expected(span: Span, nodes: int) -> np.ndarray:
    """Return what that server has, at once."""
    stamps = span.start + span.step * np.arange(span.points)
    n = np.arange(nodes)[:, None]
    return np.where(stamps // span.step % 7 == n, np.nan, n * stamps.astype(float))


def test_points_find_their_place(odd_server: OddServer) -> None:
    """Unsorted points are sorted, missing ones and NaN are gaps, infinity stays."""
    odd_server.will_return(
        series((4500, "4"), (3600, "1.5"), (3900, "NaN"), (4200, "+Inf"), node="a")
    )
    grid = read(odd_server.url)
    assert grid.labels == (A,)
    np.testing.assert_array_equal(grid.values, [[1.5, np.nan, np.inf, 4.0]])


def test_pieces_are_even_and_share_no_instant() -> None:
    """A range query returns both ends, so the next piece starts one step after the last."""
    with site(telling(2)) as server:
        read(server.url, span=Span(3600, 300, 7), budget=6, series=2)
    pieces = sorted(asked.target.split("query=x&")[1] for asked in server.asked)
    assert pieces == [
        "start=3600&end=4200&step=300&timeout=27",
        "start=4500&end=5100&step=300&timeout=27",
        "start=5400&end=5400&step=300&timeout=27",
    ]


def test_no_piece_exceeds_what_a_server_accepts() -> None:
    """However few the series: Prometheus refuses more than 11,000 points."""
    with site(lambda _: Told(matrix())) as server:
        grid = read(server.url, span=Span(0, 60, 60_000))
    assert [asked_span(asked).points for asked in server.asked] == [10_000] * 6
    assert grid.values.shape == (0, 60_000)


@pytest.mark.parametrize("budget", [1, 7, 40, 250_000])
@pytest.mark.parametrize("most", [1, 3, 11_000])
def test_the_result_does_not_depend_on_the_cutting(budget: int, most: int) -> None:
    """Nor on the order of the answers, nor on what the server refuses."""
    span = Span(3600, 300, 50)
    with site(telling(3, most=most)) as server:
        grid = read(server.url, span=span, budget=budget, series=3)
    assert grid.labels == tuple((("node", f"n{n:02}"),) for n in range(3))
    np.testing.assert_array_equal(grid.values, expected(span, 3))


def test_several_pieces_are_asked_for_at_a_time() -> None:
    """As many as the throttle allows."""
    span = Span(3600, 300, 200)
    with site(telling(3)) as server:
        grid = read(server.url, span=span, budget=3, series=1)
    np.testing.assert_array_equal(grid.values, expected(span, 3))
    assert 2 <= server.most <= 4


def test_a_query_that_is_too_large_is_halved_and_so_are_the_rest() -> None:
    """What one piece has shown need not be refused again for the next ones."""
    span = Span(0, 300, 40_000)
    with site(telling(1, most=3000)) as server:
        read(server.url, span=span, load="low")
    points = [asked_span(asked).points for asked in server.asked]
    assert points == [10_000, 5000] + [2500] * 16


def test_a_query_that_takes_too_long_is_halved() -> None:
    """A server that gives up says so; asking again for as much would help nobody."""
    quick = telling(2)

    def tell(asked: Asked) -> Told:
        if asked_span(asked).points > 10:
            return Told(refusal("query timed out in expression evaluation", "timeout"), status=503)
        return quick(asked)

    span = Span(3600, 300, 40)
    with site(tell) as server:
        grid = read(server.url, span=span)
    np.testing.assert_array_equal(grid.values, expected(span, 2))
    assert [asked_span(asked).points for asked in server.asked] == [40, 20] + [10] * 4


def test_more_series_than_expected_make_the_next_pieces_shorter() -> None:
    """The budget is one of an answer, and the answers say how many series there are."""
    span = Span(3600, 300, 200)
    with site(telling(20)) as server:
        grid = read(server.url, span=span, budget=100, series=1, load="low")
    np.testing.assert_array_equal(grid.values, expected(span, 20))
    points = [asked_span(asked).points for asked in server.asked]
    assert points == [100] + [5] * 20


def test_a_point_that_is_too_large_is_refused() -> None:
    """With nothing left to halve, the server's reason is told."""
    with (
        site(telling(1, most=0)) as server,
        pytest.raises(TooManySamples, match=r"refused p as too large \(422: query processing wou"),
    ):
        read(server.url)
    assert [asked_span(asked).points for asked in server.asked] == [4, 2, 1]


def by_shard(found: dict[str, dict[str, object]]) -> Callable[[Asked], Told]:
    """Return a server that finds one series for each text."""
    return lambda asked: Told(matrix(found[asked.params["query"]]))


def test_shards_are_put_together() -> None:
    """As if it had been one query."""
    found = {"x": series((3600, "1"), node="b"), "y": series((4500, "2"), node="a")}
    with site(by_shard(found)) as server:
        grid = read(server.url, "x", "y")
    assert grid.labels == (A, B)
    nan = np.nan
    np.testing.assert_array_equal(grid.values, [[nan, nan, nan, 2], [1, nan, nan, nan]])


def test_shards_share_no_series() -> None:
    """The second would overwrite the first, or not, as the answers come."""
    found = {"x": series((3600, "1"), node="a"), "y": series((4500, "2"), node="a")}
    with (
        site(by_shard(found)) as server,
        pytest.raises(BadInput, match=r"p returns more than one series for node=a; aggregate"),
    ):
        read(server.url, "x", "y")


def test_the_expected_series_are_those_of_all_shards() -> None:
    """Each is asked for longer pieces than the whole would be."""
    with site(telling(0)) as server:
        read(server.url, "x", "y", budget=8, series=8)
    assert [asked_span(asked).points for asked in server.asked] == [2] * 4


def test_an_instant_that_comes_again_is_counted(odd_server: OddServer) -> None:
    """The same value, or a gap, twice is one of them."""
    odd_server.will_return(
        series((4200, "3"), (3600, "1"), (3600, "1"), (4200, "3"), (4200, "3"), node="a"),
        series((3600, "NaN"), (3600, "NaN"), (3900, "2"), node="b"),
    )
    grid = read(odd_server.url)
    nan = np.nan
    np.testing.assert_array_equal(grid.values, [[1, nan, 3, nan], [nan, 2, nan, nan]])
    assert grid.duplicates == {A: 3, B: 1}


@pytest.mark.parametrize("second", ["2", "NaN", "+Inf"])
def test_two_values_of_one_instant_are_refused(odd_server: OddServer, second: str) -> None:
    """Neither is better than the other; the series is named."""
    odd_server.will_return(series((3600, "1"), (3900, "1"), (3900, second), node="a"))
    with pytest.raises(BadInput, match=r"p returns two values for node=a at 3900; look for two"):
        read(odd_server.url)


def test_a_partial_answer_is_refused_unless_allowed() -> None:
    """Thanos' warnings fail the run; where they are allowed they are kept, each once."""

    def tell(asked: Asked) -> Told:
        return Told(matrix(warnings=["store down", f"since {asked_span(asked).start}"]))

    with site(tell) as server:
        with pytest.raises(BadInput, match=r"the answer to p is partial \(store down; since 36"):
            read(server.url)
        grid = read(server.url, allow_partial=True, budget=2)
    assert grid.warnings == ("since 3600", "since 4200", "store down")


NATIVE = {"histograms": [[3600, {"count": "1", "sum": "1", "buckets": []}]]}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([series((3600, "1"), pod="a")], "p returns a series without the label node"),
        ([{"metric": ["a"], "values": [[3600, "1"]]}], "expected the labels of a series for p"),
        (
            [series((3600, "1"), node="a", x="1"), series((3600, "1"), node="a", x="2")],
            "p returns more than one series for node=a",
        ),
        ([series((3700, "1"), node="a")], "holds instants that were not asked for"),
        ([series((9900, "1"), node="a")], "holds instants that were not asked for"),
        ([series((3300, "1"), node="a")], "holds instants that were not asked for"),
        ([series((4070908800, "1"), node="a")], "holds instants that were not asked for"),
        ([series((float("inf"), "1"), node="a")], "holds instants that were not asked for"),
        ([series((float("nan"), "1"), node="a")], "holds instants that were not asked for"),
        ([series((3600, "one"), node="a")], "holds a point that is no number"),
        ([{"metric": {"node": "a"}, "values": [[3600]]}], "holds a point that is no number"),
        ([{"metric": {"node": "a"}, "values": [[3600, None]]}], "a point that is no number"),
        ([{"metric": {"node": "a"}, "values": [7]}], "holds a point that is no number"),
        ([{"metric": {"node": "a"}, "values": []}], "p returns node=a without plain numbers"),
        ([{"metric": {"node": "a"}, **NATIVE}], r"node=a without plain numbers \(a native hist"),
        ([series((3600, "1"), node="a") | NATIVE], r"node=a without plain numbers \(a native hi"),
        ([series((3600, "1"), node="a" * 1025)], r"label node has 1025 bytes \('a{40}'...\), exp"),
        ([series((3600, "1"), node="\ud800")], r"whose label node is no text \('\\ud800'\)"),
        ([7], "expected a list of series for p, got list"),
    ],
)
def test_an_answer_of_another_shape_is_refused(
    odd_server: OddServer, result: list[dict[str, object]], message: str
) -> None:
    """Nothing is guessed from an answer that was not asked for."""
    odd_server.will_return(*result)
    with pytest.raises(BadInput, match=message):
        read(odd_server.url)


def test_an_instant_of_the_next_piece_is_refused(odd_server: OddServer) -> None:
    """A server that moves a range to suit itself would give one instant two meanings."""
    odd_server.will_return(series((3600, "1"), (3900, "2"), (4200, "3"), node="a"))
    with pytest.raises(BadInput, match="holds instants that were not asked for"):
        read(odd_server.url, budget=2)


def test_a_label_that_is_called_values_is_one(odd_server: OddServer) -> None:
    """It is no list of points."""
    odd_server.will_return(series((3600, "1"), values="a"))
    assert read(odd_server.url, names=("values",)).labels == ((("values", "a"),),)


def test_an_unknown_metric_is_told_from_missing_data(odd_server: OddServer) -> None:
    """An empty answer is explained: is the metric there at all?"""
    connection = connect(odd_server.url)
    reader = RangeReader(connection)
    odd_server.will(200, '{"status":"success","data":[]}')
    told = reader.explain_empty('sum(m_total{a="b"})', SPAN, what="p")
    assert "has no metric m_total in this time" in told
    odd_server.answers.clear()
    odd_server.will(200, '{"status":"success","data":["m_total"]}')
    told = reader.explain_empty('sum(m_total{a="b"})', SPAN, what="p")
    assert "although its metrics are there; check the labels" in told
    connection.close()
