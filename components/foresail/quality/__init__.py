"""Judge a history series by series: what may go on, and why the rest may not."""

from foresail.quality.checks import Judgement, Refusal, check_some, judge

__all__ = ["Judgement", "Refusal", "check_some", "judge"]
