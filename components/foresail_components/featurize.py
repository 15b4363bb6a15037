"""`featurize`: put the accepted series on one regular grid."""

from kfp import dsl

from foresail_components._component import component


@component
def featurize(
    accepted: dsl.Input[dsl.Dataset],
    panel: dsl.Output[dsl.Dataset],
    measured: dsl.Output[dsl.Metrics],
    as_of: str = "",
) -> None:
    """Put the accepted series on one hourly grid in UTC.

    Args:
        accepted: The series that may go on, from validate.
        as_of: Last hour that may be known, such as 2026-11-21T08:00:00Z; empty means all of it.

    Returns:
        panel: All series on one grid.
        measured: Counts of series, hours and gaps.
    """
    from foresail.steps.featurize import run

    measured.metadata.update(run(accepted=accepted.path, panel=panel.path, as_of=as_of))
