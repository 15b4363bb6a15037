"""Write answers the way Prometheus writes them: times as numbers, values as texts."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import inf, isnan

import numpy as np
import orjson

from foresail.panel import FloatArray
from foresail_serving.promql.errors import QueryError
from foresail_serving.promql.values import IntArray, Scalar, Vector

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-6, 1e21
_TRUNCATED = "results truncated due to limit"


def success(data: object, *, truncated: bool = False) -> bytes:
    """Return the body of an answer; `bytes` stand in it as they are."""
    inner = data if isinstance(data, bytes) else orjson.dumps(data)
    warnings = b',"warnings":' + orjson.dumps([_TRUNCATED]) if truncated else b""
    return b'{"status":"success","data":' + inner + warnings + b"}"


def failure(error: QueryError) -> bytes:
    """Return the body of an error."""
    return orjson.dumps({"status": "error", "errorType": error.error_type, "error": str(error)})


def instant(value: Vector | Scalar, time: int) -> bytes:
    """Return the data of a question about one time."""
    stamp = _time(time)
    if isinstance(value, Scalar):
        text = number(float(value.values[0]))
        return f'{{"resultType":"scalar","result":[{stamp},"{text}"]}}'.encode()
    some = np.flatnonzero(value.there[:, 0])
    texts = map(number, value.values[some, 0].tolist())
    metrics = map(orjson.dumps, value.labels.take(some).dicts())
    return _result(
        b"vector",
        (
            b'{"metric":' + metric + f',"value":[{stamp},"{text}"]}}'.encode()
            for metric, text in zip(metrics, texts, strict=True)
        ),
    )


def matrix(value: Vector | Scalar, times: IntArray) -> bytes:
    """Return the data of a question about many times."""
    stamps = [_time(time) for time in times.tolist()]
    if isinstance(value, Scalar):
        return _result(
            b"matrix", [b'{"metric":{},"values":' + _points(stamps, value.values) + b"}"]
        )
    some = np.flatnonzero(value.there.any(axis=1))
    metrics = map(orjson.dumps, value.labels.take(some).dicts())
    return _result(b"matrix", _lines(metrics, value, some, stamps))


def _lines(
    metrics: Iterator[bytes], value: Vector, rows: IntArray, stamps: Sequence[str]
) -> Iterator[bytes]:
    for metric, row in zip(metrics, rows, strict=True):
        there = value.there[row]
        if there.all():
            points = _points(stamps, value.values[row])
        else:
            at = np.flatnonzero(there).tolist()
            points = _points([stamps[i] for i in at], value.values[row, at])
        yield b'{"metric":' + metric + b',"values":' + points + b"}"


def _points(stamps: Sequence[str], values: FloatArray) -> bytes:
    texts = map(number, values.tolist())
    points = [f'[{t},"{v}"]' for t, v in zip(stamps, texts, strict=True)]
    return f"[{','.join(points)}]".encode()


def _result(kind: bytes, lines: Iterator[bytes] | Sequence[bytes]) -> bytes:
    return b'{"resultType":"' + kind + b'","result":[' + b",".join(lines) + b"]}"


def _time(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f"{milliseconds / 1000:.3f}" if rest else str(whole)


def number(value: float) -> str:
    """Return a number as Go writes it: plain between 1e-6 and 1e21, else with an exponent."""
    text = repr(value)
    if text.endswith(".0"):
        return text[:-2]
    if "e" in text and _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN:
        return format(Decimal(text), "f")
    if isnan(value):
        return "NaN"
    if value in (inf, -inf):
        return "+Inf" if value > 0 else "-Inf"
    return text
