"""Range queries onto a grid."""

import numpy as np
import pytest
from servers.prometheus import OddServer

from foresail.errors import BadInput
from foresail.history.connection import Connection
from foresail.history.reader import RangeReader, Span
from foresail.settings import Settings

SPAN = Span(start=3600, step=300, points=4)


def series(*points: tuple[float, str], **labels: str) -> dict[str, object]:
    """Return a series as the query API writes it."""
    return {"metric": labels, "values": [list(point) for point in points]}


def reader(server: OddServer, *, points: int = 100, allow_partial: bool = False) -> RangeReader:
    """Return a reader over the odd server."""
    connection = Connection(server.url, settings=Settings())
    return RangeReader(connection, points_per_query=points, allow_partial=allow_partial)


def test_points_find_their_place(odd_server: OddServer) -> None:
    """Unsorted points are sorted, missing ones and NaN are gaps, infinity stays."""
    odd_server.will_return(
        series((4500, "4"), (3600, "1.5"), (3900, "NaN"), (4200, "+Inf"), node="a")
    )
    grid = reader(odd_server).read("x", SPAN, names=("node",), what="p")
    assert grid.labels == ((("node", "a"),),)
    np.testing.assert_array_equal(grid.values, [[1.5, np.nan, np.inf, 4.0]])


def test_pieces_share_no_instant(odd_server: OddServer) -> None:
    """A range query returns both ends, so the next piece starts one step after the last."""
    odd_server.will_return(series((3600, "1"), node="a"))
    odd_server.will_return(series((4200, "2"), node="b"))
    grid = reader(odd_server, points=2).read("x", SPAN, names=("node",), what="p")
    asked = [path.split("query=x&")[1] for path, _ in odd_server.requests]
    assert asked == ["start=3600&end=3900&step=300", "start=4200&end=4500&step=300"]
    nan = np.nan
    np.testing.assert_array_equal(grid.values, [[1, nan, nan, nan], [nan, nan, 2, nan]])


def test_a_query_that_is_too_large_is_halved(odd_server: OddServer) -> None:
    """The halves are put together again as if it had been one."""
    odd_server.will(422, '{"status":"error","error":"would load too many samples"}')
    odd_server.will_return(series((3600, "1"), (3900, "2")))
    odd_server.will_return(series((4200, "3"), (4500, "4")))
    grid = reader(odd_server).read("x", SPAN, names=(), what="p")
    np.testing.assert_array_equal(grid.values, [[1, 2, 3, 4]])


def test_a_partial_answer_is_refused_unless_allowed(odd_server: OddServer) -> None:
    """Thanos' warnings fail the run; where they are allowed they are kept."""
    odd_server.will_return(series((3600, "1")), warnings=("store down",))
    with pytest.raises(BadInput, match=r"the answer to p is partial \(store down\)"):
        reader(odd_server).read("x", SPAN, names=(), what="p")
    grid = reader(odd_server, allow_partial=True).read("x", SPAN, names=(), what="p")
    assert grid.warnings == ("store down",)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([series((3600, "1"), pod="a")], "p returns a series without the label node"),
        (
            [series((3600, "1"), node="a", x="1"), series((3600, "1"), node="a", x="2")],
            "p returns more than one series for node=a",
        ),
        ([series((3700, "1"), node="a")], "holds instants that were not asked for"),
        ([series((9900, "1"), node="a")], "holds instants that were not asked for"),
        ([series((3600, "one"), node="a")], "holds a point that is no number"),
        ([{"metric": {"node": "a"}, "histograms": []}], "a series without plain numbers"),
    ],
)
def test_an_answer_of_another_shape_is_refused(
    odd_server: OddServer, result: list[dict[str, object]], message: str
) -> None:
    """Nothing is guessed from an answer that was not asked for."""
    odd_server.will_return(*result)
    with pytest.raises(BadInput, match=message):
        reader(odd_server).read("x", SPAN, names=("node",), what="p")


def test_an_unknown_metric_is_told_from_missing_data(odd_server: OddServer) -> None:
    """An empty answer is explained: is the metric there at all?"""
    odd_server.will(200, '{"status":"success","data":[]}')
    told = reader(odd_server).explain_empty('sum(m_total{a="b"})', SPAN, what="p")
    assert "has no metric m_total in this time" in told
    odd_server.answers.clear()
    odd_server.will(200, '{"status":"success","data":["m_total"]}')
    told = reader(odd_server).explain_empty('sum(m_total{a="b"})', SPAN, what="p")
    assert "although its metrics are there; check the labels" in told
