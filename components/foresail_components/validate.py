"""`validate`: judge the staged history and say which series may go on."""

from kfp import dsl

from foresail_components._component import component


@component
def validate(
    history_uri: str,
    history_digest: str,
    accepted: dsl.Output[dsl.Dataset],
    report: dsl.Output[dsl.HTML],
    measured: dsl.Output[dsl.Metrics],
    as_of: str = "",
    scopes: str = "",
    metrics: str = "",
) -> None:
    """Judge the staged history: what is refused has a code and a reason.

    Args:
        history_uri: Where the history is.
        history_digest: Digest of that history, from stage-history; a changed history is a new run.
        as_of: Last hour that may be known, such as 2026-11-21T08:00:00Z; empty means all of it.
        scopes: Scopes to take, comma-separated; empty means all.
        metrics: Metrics to take, comma-separated; empty means all.

    Returns:
        accepted: The series that may go on, and the refusals.
        report: Data quality, for people.
        measured: Counts of series, rows and refusals.
    """
    from foresail.steps.validate import run

    measured.metadata.update(
        run(
            history_uri=history_uri,
            history_digest=history_digest,
            accepted=accepted.path,
            report=report.path,
            as_of=as_of,
            scopes=scopes,
            metrics=metrics,
        )
    )
