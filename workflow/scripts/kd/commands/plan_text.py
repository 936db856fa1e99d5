"""A forecast as the lines of `make plan`."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from kd.commands.forecast import Forecast
from kd.monitor.estimate import NETWORKS
from kd.monitor.progress import clock_time

MOST = 12  # rules in the table
OTHERS = "other rules"
LONG = 48 * 3600.0  # seconds from which on a time is in days


def table(result: Forecast) -> list[str]:
    """A line for each rule of known time, the longest first; then the others."""
    total = {rule: seconds * result.counts[rule] for rule, seconds in result.each.items()}
    rules = sorted(total, key=lambda rule: (-total[rule], rule))[:MOST]
    width = max(map(len, [*rules, OTHERS]))
    lines = [f"  {'rule':<{width}}  {'jobs':>6}  {'one':>8}  {'all':>9}"]
    for rule in rules:
        times = f"{cell(result.each[rule]):>8}  {cell(total[rule]):>9}"
        lines.append(f"  {rule:<{width}}  {result.counts[rule]:>6,}  {times}")
    if others := sum(count for rule, count in result.counts.items() if rule not in rules):
        lines.append(f"  {OTHERS:<{width}}  {others:>6,}")
    return lines


def time_line(result: Forecast, parallel: int, how: str) -> str:
    """About how long it takes, and which rules that is a guess of."""
    seconds = result.seconds(parallel)
    if seconds is None or not set(result.each) & set(NETWORKS):
        return f"not known; {how}"
    unknown = [rule for rule in result.total.unknown if rule in result.counts]
    guess = f" (no timing for {len(unknown)} of {len(result.counts)} rules)" if unknown else ""
    return f"about {spoken(seconds)}, {how}{guess}"


def cell(seconds: float) -> str:
    """`0:42`, `1:02:03`, `4.1 days`."""
    return clock_time(seconds) if seconds < LONG else spoken(seconds)


def spoken(seconds: float) -> str:
    """`3 minutes`, `2.5 hours`, `4.1 days`."""
    if seconds < 90 * 60:
        return plural(max(1, round(seconds / 60)), "minute")
    return f"{seconds / 3600:.1f} hours" if seconds < LONG else f"{seconds / 86_400:,.1f} days"


def disk_line(disk: Mapping[str, int]) -> str:
    """The size in all, its parts, and what is free; a warning where that is too little."""
    total, free = sum(disk.values()), shutil.disk_usage(Path.cwd()).free
    parts = ", ".join(f"{name} {gigabytes(size)}" for name, size in disk.items() if size)
    warning = "; that is not enough" if total > free else ""
    return f"{gigabytes(total)}{f' ({parts})' if parts else ''}; {gigabytes(free)} are free{warning}"


def gigabytes(size: int) -> str:
    """`5 MB`, `1.25 GB`."""
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def plural(count: int, noun: str) -> str:
    """`1 core`, `2 cores`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
