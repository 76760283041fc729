"""Running a command and saying what it cost, and turning several runs into one row.

CPU seconds (user and system, of the whole process) are the figure that ratios are made of: on a machine that others
use as well, wall time says more about them. What a program needs before its first event (reading rules, compiling
them, starting Python) is measured with an input of one event and subtracted.
"""
import dataclasses
import os
import pathlib
import shutil
import statistics
import subprocess
import time
from typing import Callable


@dataclasses.dataclass
class Contestant:
    """One program with fixed flags. `command(input, output)` is its argument list; `stdin` says that it reads the
    input there instead of opening it. `found(output)` tells what it reported, for the eye to compare."""

    name: str
    version: str
    command: Callable[[pathlib.Path, pathlib.Path], list]
    found: Callable[[pathlib.Path], dict] = lambda output: {}
    stdin: bool = False
    folder: pathlib.Path | None = None


@dataclasses.dataclass
class Run:
    cpu: float
    wall: float
    peak_mib: float


class Failed(Exception):
    """A contestant ended with an error; its last words are in the message."""


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def run(contestant, source, output):
    """One run of the whole process. Exit codes 3 and 4 of Borzoi are ends like 0 (alerts, or damaged input)."""
    remove(output)
    said = output.with_name("said.txt")
    with open(said, "wb") as words, open(source if contestant.stdin else os.devnull, "rb") as stdin:
        start = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in contestant.command(source, output)],
            stdin=stdin, stdout=words, stderr=subprocess.STDOUT, cwd=contestant.folder,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3, 4):
        last = said.read_text(errors="replace")[-600:]
        raise Failed(f"{contestant.name} ended with {process.returncode}: {last}")
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def contest(contestants, source, single, events, scratch, rounds):
    """Runs every contestant once a round, so that a slow moment of the machine falls on all of them; each run is
    followed by one over `single`, the same kind of input with one event. Returns a row for each contestant."""
    size = source.stat().st_size if source.is_file() else sum(f.stat().st_size for f in source.rglob("*") if f.is_file())
    runs = {c.name: ([], []) for c in contestants}
    rows, broken = [], {}
    for _ in range(rounds):
        for contestant in contestants:
            if contestant.name in broken:
                continue
            whole, loading = runs[contestant.name]
            try:
                loading.append(run(contestant, single, scratch / f"{contestant.name}.single"))
                whole.append(run(contestant, source, scratch / f"{contestant.name}.out"))
            except Failed as error:
                broken[contestant.name] = str(error)
    for contestant in contestants:
        row = {"name": contestant.name, "version": contestant.version, "events": events, "bytes": size}
        if contestant.name in broken:
            rows.append({**row, "failed": broken[contestant.name]})
            continue
        whole, loading = runs[contestant.name]
        load = statistics.median(r.cpu for r in loading)
        net = max(statistics.median(r.cpu for r in whole) - load, 1e-9)
        rows.append({
            **row,
            "cpu_s": net,
            "cpu_s_runs": [round(r.cpu, 3) for r in whole],
            "load_cpu_s": load,
            "wall_s": statistics.median(r.wall for r in whole) - statistics.median(r.wall for r in loading),
            "peak_mib": max(r.peak_mib for r in whole),
            "events_per_cpu_s": events / net,
            "mb_per_cpu_s": size / 1e6 / net,
            "us_per_event": net / events * 1e6,
            **contestant.found(scratch / f"{contestant.name}.out"),
        })
    first = rows[0]
    for row in rows:
        if "failed" not in row and "failed" not in first:
            row["borzoi_is_times"] = row["cpu_s"] / first["cpu_s"]
    return rows


def table(title, rows):
    """The rows as text; `borzoi ×` says how many times less CPU the first row needs."""
    lines = [f"## {title}", ""]
    heads = ("", "events/CPU s", "MB/CPU s", "µs/event", "CPU s", "loading", "wall s", "peak MiB", "borzoi ×", "found")
    cells = [heads]
    for row in rows:
        if "failed" in row:
            lines.append(f"{row['name']} failed: {row['failed']}")
            continue
        found = [f"{row['alerts']:,} alerts of {len(row['rules'])} rules"] if "alerts" in row else []
        found += [row["against"]] if "against" in row else []
        found += [f"{row['stored_bytes'] / 1e6:.1f} MB"] if "stored_bytes" in row else []
        found += [f"{row['columns']} columns"] if "columns" in row else []
        cells.append((
            row["name"], f"{row['events_per_cpu_s']:,.0f}", f"{row['mb_per_cpu_s']:.1f}", f"{row['us_per_event']:.2f}",
            f"{row['cpu_s']:.2f}", f"{row['load_cpu_s']:.2f}", f"{row['wall_s']:.2f}", f"{row['peak_mib']:.0f}",
            f"{row['borzoi_is_times']:.2f}" if "borzoi_is_times" in row else "", ", ".join(found),
        ))
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    for row in cells:
        padded = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:-1], widths[1:-1])] + [row[-1]]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines) + "\n"
