"""Measure forecasts on held-out windows and choose who serves which series and lead."""

from foresail.evaluation.contest import run_contest
from foresail.evaluation.outcome import Contest
from foresail.evaluation.scores import ScoreBoard

__all__ = ["Contest", "ScoreBoard", "run_contest"]
