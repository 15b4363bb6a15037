"""What the accuracy page says in words."""

from benchmarks.accuracy_yardstick import HISTORY_DAYS, MACHINE_SERIES, VERSION

HOW = """\
**Served** is `foresail forecast --history FILE --as-of ORIGIN --horizon HORIZON` with its default
settings, a process of its own each time. It is given the whole file and must not look beyond the
origin. Beside it stands each contender of the contest alone, with the band that it gives itself,
and stock Prophet: all defaults, not even held at zero, fitted by Foresail's own engine, which
[finds Prophet's optimum](engine.md).

A series counts at an origin if it has a value within the last 7 days, at least the history that the
horizon needs (2 days; 14 for a month), and at least half of the horizon's hours were observed.
`scale` is the mean of |y(t) - y(t - 24 h)| over the 28 days before the origin, `sql` the mean over
p10, p50 and p90 of twice the pinball loss, divided by it. An hour without a forecast scores as the
seasonal naive: the same hour yesterday, with a band of the 10 % and 90 % quantiles of
y(t) - y(t - 24 h) over 28 days. A series that did not change from day to day has no scale and is
told apart. In the tables:

- **error**: per series (sql + 0.01) / (naive's sql + 0.01) over all its windows, then the geometric
  mean over the series. Below 1 beats the naive.
- **coverage**: share of all hours inside p10 to p90; 80 % would be perfect. **worst tenth**: what
  nine tenths of the single windows exceed.
- **p50 error**: as error, of the absolute error of p50 alone.
- **mase**: that absolute error over the scale. **bias**: mean of p50 - y over the scale; above zero
  is too high. **peak**: for each day counted from the origin, how far the highest p90 of the
  observed hours lies from the highest hour that came, summed over the days and divided by the sum
  of the highest hours. These three are of the middle series.
- **missing**: share of hours at which the naive stood in. **serves**: share of the windows that the
  contest gave to this contender."""

YARDSTICK = f"""\
[statsforecast](https://github.com/Nixtla/statsforecast) {VERSION} in an environment of its own:
`AutoETS(season_length=24)`, `MSTL(season_length=[24, 168])`, `AutoTheta(season_length=24)`, each
with `level=[80]` and otherwise defaults; its mean is taken for p50. It gets {MACHINE_SERIES}
series of the machines, drawn at random with a fixed seed, and all of the pools; of each the last
{HISTORY_DAYS} days, gaps bridged by straight lines and, at the end, by the last value: the models
know no gaps. It is not held at zero. A history that a model refuses scores as the naive. What it
forecast is kept below `.foresail` until the histories change. Below, the others on the same
series."""

CUTS = """\
The served error again, of parts of the series. The halves are drawn by a hash of the machine's
name. Windows counted alone: the geometric mean over all windows instead of over the series."""
