"""Amounts as sentences name them."""

import pytest

from foresail.amounts import amount


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "cores", "0.25 cores"),
        (1.0, "cores", "1 core"),
        (3.14159, "cores", "3.14 cores"),
        (12345.6, "cores", "12346 cores"),
        (0.0, "bytes", "0 bytes"),
        (1.0, "bytes", "1 byte"),
        (1.5 * 2**30, "bytes", "1.5 GiB"),
        (512.0 * 2**20, "bytes", "512 MiB"),
        (2048.0 * 2**40, "bytes", "2048 TiB"),
        (7.0, "1", "7"),
        (1.0, "pods", "1 pods"),
    ],
)
def test_an_amount_is_short_and_has_its_unit(value: float, unit: str, text: str) -> None:
    """Three digits, bytes in the largest unit that fits, no unit where there is none."""
    assert amount(value, unit) == text
