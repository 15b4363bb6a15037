"""The report of the gate, as people read it."""

from foresail.evaluation.bootstrap import Ratio
from foresail.evaluation.gate import Standing
from foresail.registry import Verdict
from foresail.reports.model import model_report


def cells(standing: Standing) -> list[str]:
    """Return the table row of a standing, its cells without their markup."""
    verdict = Verdict(metric="cpu", name="foresail-cpu", version="2", promote=False, reason="worse")
    page = model_report([], standings=[standing], verdicts=[verdict])
    row = page.split("<td>next_day</td>")[1].split("</tr>")[0]
    texts = [cell.split("</td>")[0] for cell in row.split('<td class="n">')[1:]]
    return [cell.replace(' style="white-space: nowrap"', "") for cell in texts]


def test_every_figure_stands_with_its_interval() -> None:
    """What holds a challenger back is marked, and so is nothing else."""
    worse, better = Ratio(1.08, 1.03, 1.12), Ratio(0.81, 0.77, 0.86)
    standing = Standing(
        metric="cpu",
        horizon="next_day",
        series=12,
        measured=11,
        windows=3,
        challenger=0.81,
        coverage=0.8,
        versus_naive=worse,
        departed=better,
        champion=0.75,
        versus_champion=worse,
        best_rule="median_28d",
        versus_best_rule=worse,
    )
    assert cells(standing) == [
        "11 of 12",
        "3",
        "<span>1.08 (1.03-1.12)</span>",
        "<span>0.81 (0.77-0.86)</span>",
        '<span class="no">1.08 (1.03-1.12)</span>',
        "0.75",
        '<span>1.08 (1.03-1.12)</span><br><span class="quiet">median_28d</span>',
        "80 %",
    ]


def test_what_is_unknown_has_no_figure() -> None:
    """A first forecast without windows."""
    standing = Standing(
        metric="cpu",
        horizon="next_day",
        series=1,
        measured=0,
        windows=0,
        challenger=None,
        coverage=None,
    )
    assert cells(standing) == [
        "0 of 1",
        "0",
        "<span>unmeasured</span>",
        "<span>-</span>",
        "<span>-</span>",
        "-",
        "",
        "",
    ]
