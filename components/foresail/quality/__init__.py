"""Judge a history series by series: what may go on, and why the rest may not."""

from foresail.quality.checks import Judgement, Refusal, check_some, judge
from foresail.quality.panels import PanelJudgement, judge_panel

__all__ = ["Judgement", "PanelJudgement", "Refusal", "check_some", "judge", "judge_panel"]
