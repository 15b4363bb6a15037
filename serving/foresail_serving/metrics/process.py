"""The process as Prometheus' own clients tell it, where the system has `/proc`."""

import os
import resource
from collections.abc import Mapping
from pathlib import Path

from foresail_serving.metrics.exposition import Exposition

_PROC = Path("/proc")
_UTIME, _STIME, _START, _VIRTUAL, _RESIDENT = 11, 12, 19, 20, 21
"""Fields of /proc/self/stat, counted from behind the name (proc(5) numbers them three higher)."""
_FAMILIES = {
    "process_cpu_seconds_total": ("counter", "CPU time, user and system."),
    "process_resident_memory_bytes": ("gauge", "Memory in use, what is mapped of forecasts in it."),
    "process_virtual_memory_bytes": ("gauge", "Address space in use."),
    "process_start_time_seconds": ("gauge", "When the process started, since 1970."),
    "process_open_fds": ("gauge", "Open files and connections."),
    "process_max_fds": ("gauge", "As many as may be open."),
}


def write_process(page: Exposition) -> None:
    """Add what the system tells of this process; nothing where it tells nothing."""
    for name, value in _read().items():
        kind, text = _FAMILIES[name]
        page.family(name, kind, text, [({}, value)])


def _read() -> Mapping[str, float]:
    try:
        # the name stands in parentheses, and may hold spaces and parentheses of its own
        fields = (_PROC / "self" / "stat").read_text().rpartition(")")[2].split()
        booted = next(
            float(line.split()[1])
            for line in (_PROC / "stat").read_text().splitlines()
            if line.startswith("btime ")
        )
        open_fds = len(os.listdir(_PROC / "self" / "fd"))  # noqa: PTH208  # counted, not walked
    except (OSError, StopIteration):
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    return {
        "process_cpu_seconds_total": (int(fields[_UTIME]) + int(fields[_STIME])) / ticks,
        "process_resident_memory_bytes": int(fields[_RESIDENT]) * os.sysconf("SC_PAGE_SIZE"),
        "process_virtual_memory_bytes": int(fields[_VIRTUAL]),
        "process_start_time_seconds": booted + int(fields[_START]) / ticks,
        "process_open_fds": open_fds,
        "process_max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    }
