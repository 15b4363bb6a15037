"""Amounts as sentences name them."""

_BINARY = ("bytes", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024.0
_SINGULAR = {"cores": "core", "bytes": "byte"}
_WHOLE = 1000
"""From here on the digits after the point tell nothing."""


def amount(value: float, unit: str) -> str:
    """Return a value and its unit to three significant digits: `0.25 cores`, `1.5 GiB`.

    Args:
        value: In the unit.
        unit: As a series names it; `1` for none.
    """
    shown = unit
    if unit == "bytes":
        for shown in _BINARY:
            if abs(value) < _STEP or shown == _BINARY[-1]:
                break
            value /= _STEP
    figure = f"{value:.3g}" if abs(value) < _WHOLE else f"{value:.0f}"
    if unit == "1":
        return figure
    return f"{figure} {_SINGULAR.get(shown, shown) if figure == '1' else shown}"
