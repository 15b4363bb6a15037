"""The server's own metrics: what it serves, what it was asked, how the process is."""

from foresail import __version__
from foresail_serving.cache import SyncState
from foresail_serving.front.kept import AnswerCache
from foresail_serving.metrics.exposition import Exposition
from foresail_serving.metrics.process import write_process
from foresail_serving.metrics.report import refused
from foresail_serving.metrics.requests import SECONDS
from foresail_serving.state import State


def metrics_page(state: State, sync: SyncState | None, *, tokens: int | None = None) -> str:
    """Return the server's own metrics in Prometheus' text format.

    Args:
        state: What the routes share.
        sync: What sync has written of itself; None where it has not.
        tokens: How many are valid; None where nobody needs one.
    """
    page = Exposition()
    page.family("foresail_build_info", "gauge", "Version.", [({"version": __version__}, 1)])
    _bundle_metrics(page, state)
    page.family(
        "foresail_bundles_refused_total",
        "counter",
        "Bundles that failed a check and are not served.",
        [
            ({"model": r.model, "reason": r.reason, "by": r.by}, r.count)
            for r in refused(state, sync)
        ],
    )
    page.family(
        "foresail_snapshot_swaps_total",
        "counter",
        "Times that what is served was replaced.",
        [({}, state.store.swaps)],
    )
    if sync is not None:
        _sync_metrics(page, sync)
    _http_metrics(page, state)
    _cache_metrics(page, state.answers)
    if tokens is not None:
        text = "Tokens that are valid; at 0 nobody is let in."
        page.family("foresail_access_tokens", "gauge", text, [({}, tokens)])
    write_process(page)
    return page.text()


def _bundle_metrics(page: Exposition, state: State) -> None:
    now = state.clock()
    snapshot = state.store.current
    served = list(snapshot.models.values())
    manifests = [({"model": s.name}, s.bundle.manifest) for s in served]
    page.family(
        "foresail_bundle_info",
        "gauge",
        "The bundle that is served of each model.",
        [
            ({"model": s.name, "version": s.version, "metric": s.bundle.manifest.metric}, 1)
            for s in served
        ],
    )
    page.family(
        "foresail_bundle_age_seconds",
        "gauge",
        "Time since the last hour that the forecast knew.",
        [(model, max(0.0, (now - m.trained_until).total_seconds())) for model, m in manifests],
    )
    page.family(
        "foresail_bundle_covers_until_timestamp_seconds",
        "gauge",
        "End of the last hour that is forecast.",
        [(model, m.covers_until.timestamp()) for model, m in manifests],
    )
    page.family(
        "foresail_bundle_series",
        "gauge",
        "Series in the bundle.",
        [(model, m.series) for model, m in manifests],
    )
    page.family(
        "foresail_bundle_series_carried_over",
        "gauge",
        "Series that go on with an earlier forecast, by the cluster that did not answer.",
        [
            ({"model": s.name, "cluster": cluster}, count)
            for s in served
            for cluster, count in sorted(snapshot.carried_over[s.name].items())
        ],
    )


def _sync_metrics(page: Exposition, sync: SyncState) -> None:
    page.family(
        "foresail_sync_failures_total",
        "counter",
        "Looks at the registry that failed, since sync started.",
        [({"model": c.model, "reason": c.reason}, c.count) for c in sync.failures],
    )
    page.family(
        "foresail_sync_last_attempt_timestamp_seconds",
        "gauge",
        "When sync last looked at the registry.",
        [({}, sync.last_attempt.timestamp())],
    )
    if sync.last_success is not None:
        page.family(
            "foresail_sync_last_success_timestamp_seconds",
            "gauge",
            "When sync last reached the registry for every model.",
            [({}, sync.last_success.timestamp())],
        )


def _http_metrics(page: Exposition, state: State) -> None:
    page.family(
        "foresail_http_requests_total",
        "counter",
        "Answers by route and status.",
        [
            ({"route": route, "status": status}, count)
            for (route, status), count in sorted(state.requests.counts.items())
        ],
    )
    page.histogram(
        "foresail_http_request_seconds",
        "Time from a request's last byte to its answer's, as this process sees them, by route.",
        bounds=SECONDS,
        samples=[
            ({"route": route}, took.buckets, took.seconds)
            for route, took in sorted(state.requests.took.items())
        ],
    )
    page.family(
        "foresail_http_refused_total",
        "counter",
        "Connections and requests that never reached a route.",
        [({"reason": reason}, count) for reason, count in sorted(state.refusals.counts.items())],
    )


def _cache_metrics(page: Exposition, answers: AnswerCache) -> None:
    counters = {
        "hits": ("Answers that stood ready.", answers.hits),
        "misses": ("Answers that had to be made.", answers.misses),
        "evictions": ("Ready answers dropped for want of room.", answers.evictions),
    }
    for name, (text, count) in counters.items():
        page.family(f"foresail_answer_cache_{name}_total", "counter", text, [({}, count)])
    gauges = {
        "bytes": ("What the ready answers take.", answers.bytes),
        "entries": ("Answers that stand ready.", answers.entries),
    }
    for name, (text, value) in gauges.items():
        page.family(f"foresail_answer_cache_{name}", "gauge", text, [({}, value)])
