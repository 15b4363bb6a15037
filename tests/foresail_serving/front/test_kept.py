"""Ready answers and how long they are kept."""

from datetime import UTC, datetime, timedelta

from foresail_serving.front.conditional import etag, holds
from foresail_serving.front.kept import AnswerCache, Epoch, Kept, Key
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Snapshot

NOON = datetime(2026, 11, 21, 12, 34, tzinfo=UTC)
SERVED = Snapshot.of({})
SETTINGS = ServeSettings()


def kept(body: bytes) -> Kept:
    """Return an answer with this body."""
    return Kept.of(body, tag=b'"t"', route="/v1/next_day", about=(), shape=())


def key(path: bytes) -> Key:
    """Return the key of a path without a query."""
    return path, b"", 0


def cache_of(limit: int) -> tuple[AnswerCache, Epoch]:
    """Return an empty cache and its epoch."""
    cache = AnswerCache(limit)
    epoch = Epoch.of(SERVED, NOON, SETTINGS)
    cache.turn(epoch)
    return cache, epoch


def test_an_epoch_is_the_hour_of_its_forecasts() -> None:
    """An epoch spans the UTC hour that contains the present."""
    epoch = Epoch.of(SERVED, NOON, SETTINGS)
    assert (epoch.begin, epoch.end) == (NOON.replace(minute=0), NOON.replace(hour=13, minute=0))


def test_the_least_recently_used_goes_first() -> None:
    """Beyond its bytes the cache drops the answer that was not asked for the longest."""
    cache, epoch = cache_of(3 * 3502)
    for path in (b"/a", b"/b", b"/c"):
        cache.put(key(path), kept(bytes(1000)), epoch=epoch)
    assert cache.get(key(b"/a")) is not None
    cache.put(key(b"/d"), kept(bytes(1000)), epoch=epoch)
    assert [cache.get(key(path)) is not None for path in (b"/a", b"/b", b"/c", b"/d")] == [
        True,
        False,
        True,
        True,
    ]
    assert (cache.entries, cache.bytes, cache.evictions) == (3, 10506, 1)
    assert cache.hits == 4


def test_ten_thousand_questions_take_no_more_than_the_limit() -> None:
    """However many different questions come, the cache stays within its bytes."""
    cache, epoch = cache_of(1_000_000)
    for n in range(10_000):
        cache.put(key(str(n).encode()), kept(bytes(500)), epoch=epoch)
    assert cache.bytes <= 1_000_000
    assert cache.entries == 332


def test_an_answer_of_the_last_epoch_is_not_kept() -> None:
    """What was begun before a swap or the end of the hour never answers after it."""
    cache, epoch = cache_of(10_000)
    cache.turn(Epoch.of(SERVED, NOON + timedelta(hours=1), SETTINGS))
    cache.put(key(b"/a"), kept(b"old"), epoch=epoch)
    assert cache.get(key(b"/a")) is None


def test_an_answer_larger_than_the_cache_drops_no_other() -> None:
    """One body beyond the limit is not kept, and those that are stay."""
    cache, epoch = cache_of(5000)
    cache.put(key(b"/a"), kept(bytes(100)), epoch=epoch)
    cache.put(key(b"/b"), kept(bytes(9000)), epoch=epoch)
    assert (cache.entries, cache.evictions) == (1, 0)


def test_the_same_answer_twice_counts_once() -> None:
    """Two requests that made one answer at the same time take its room once."""
    cache, epoch = cache_of(10_000)
    for _ in range(2):
        cache.put(key(b"/a"), kept(bytes(500)), epoch=epoch)
    assert (cache.entries, cache.bytes) == (1, 3002)


def test_a_tag_is_compared_weakly() -> None:
    """If-None-Match names a tag alone, in a list, weak, or as a star."""
    tag = etag(b"body")
    held = (tag, f'"x", W/{tag}', "*", f" {tag} ,")
    assert [holds(given, tag) for given in held] == [True] * 4
    assert not any(holds(given, tag) for given in (None, "", '"x"', tag.strip('"')))


def test_a_compressed_body_has_a_tag_of_its_own() -> None:
    """The tag of a body's compressed form differs, and both depend on the bytes alone."""
    assert etag(b"body") == etag(b"body") != etag(b"other")
    assert etag(b"body", compressed=True) == etag(b"body")[:-1] + '-gz"'
