"""How much one client may ask for."""

from dataclasses import dataclass

from foresail_serving.access.limits import Buckets


@dataclass
class Seconds:
    """A monotonic clock that stands where it is put."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def test_a_full_bucket_holds_the_burst_and_fills_by_the_rate() -> None:
    """Three at once, then one each half second."""
    seconds = Seconds()
    buckets = Buckets(rate=2, burst=3, monotonic=seconds)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]
    seconds.now = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0, 1]
    seconds.now = 100
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 1]


def test_work_done_is_owed() -> None:
    """A client that had a million rows made waits until that is paid, and is told how long."""
    seconds = Seconds()
    buckets = Buckets(rate=10, burst=60, monotonic=seconds)
    assert buckets.take("a") == 0
    buckets.spend("a", 1000)
    assert buckets.take("a") == 95  # owes 941, and needs 1 more
    seconds.now = 94.1
    assert buckets.take("a") == 1
    seconds.now = 95
    assert buckets.take("a") == 0


def test_clients_do_not_share_a_bucket() -> None:
    """One that is refused costs the others nothing."""
    buckets = Buckets(rate=1, burst=1, monotonic=Seconds())
    assert [buckets.take(client) for client in ("a", "a", "b")] == [0, 1, 0]


def test_the_table_is_bounded() -> None:
    """Whoever has asked for longest ago is forgotten first."""
    buckets = Buckets(rate=1, burst=1, clients=100, monotonic=Seconds())
    assert buckets.take("good") == 0
    for n in range(1000):
        buckets.take(f"bad{n}")
        buckets.take("good")
    assert len(buckets) == 100
    assert buckets.take("good") == 1
    assert buckets.take("bad0") == 0
