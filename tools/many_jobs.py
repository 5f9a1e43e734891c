# SPDX-License-Identifier: GPL-3.0-or-later
"""Reconstruct one photo many times in one worker and draw what that costs: memory, open files, threads. Linux.

    .venv/bin/python tools/many_jobs.py --photo tests/data/astronaut.png --jobs 20 --output out/many

Writes ``many_jobs.json`` and ``many_jobs.png`` and ends with 1 where memory grew by 5 % or more, or a handle was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from least_settings import LEAST_VALUES
from nextgenface.engine.client import WorkerProcess
from nextgenface.engine.protocol import FINAL_EVENTS, Done
from nextgenface.engine.settings import Settings

# Kernels are compiled and pools filled in the first ones.
WARM_UP = 3
MOST_GROWTH_PERCENT = 5.0


@dataclass(frozen=True)
class Cost:
    """Of the worker after a job: resident memory in MB, open file handles, threads."""

    memory_mb: float
    handles: int
    threads: int


def cost_of(pid: int) -> Cost:
    """What /proc tells of a process."""
    place = Path(f"/proc/{pid}")
    pages = int((place / "statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return Cost(round(memory, 1), len(list((place / "fd").iterdir())), len(list((place / "task").iterdir())))


def run(python: Path, photo: Path, output: Path, jobs: int) -> list[Cost]:
    """The costs after each of ``jobs`` reconstructions; raises RuntimeError for one that did not succeed."""
    costs: list[Cost] = []
    # What a job leaves behind does not depend on its steps.
    settings = Settings.from_dict(LEAST_VALUES).to_dict()
    with WorkerProcess(python, log_folder=output) as worker:
        for number in range(jobs):
            job = worker.start_job([photo], output / "result", settings)
            final = None
            while not (isinstance(final, FINAL_EVENTS) and final.job == job):
                final = worker.wait(60.0)
            if not isinstance(final, Done):
                raise RuntimeError(f"job {number + 1}: {final}")
            costs.append(cost_of(worker.pid))
            print(f"{number + 1:4}  {costs[-1].memory_mb:8.1f} MB  {costs[-1].handles} handles", flush=True)
    return costs


def growth_percent(costs: list[Cost]) -> float:
    """How much more memory the last third takes than the first third after warming up, by their medians."""
    memory = [cost.memory_mb for cost in costs[min(WARM_UP, len(costs) - 1) :]]
    part = max(1, len(memory) // 3)
    return 100.0 * (median(memory[-part:]) / median(memory[:part]) - 1.0)


def draw(costs: list[Cost], path: Path) -> None:
    """The curves of memory and of file handles over the jobs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 5))
    numbers = range(1, len(costs) + 1)
    above.plot(numbers, [cost.memory_mb for cost in costs])
    above.set_ylim(0.0, 1.15 * max(cost.memory_mb for cost in costs))
    above.set_ylabel("resident memory, MB")
    below.plot(numbers, [cost.handles for cost in costs], label="file handles")
    below.plot(numbers, [cost.threads for cost in costs], label="threads")
    below.set_ylim(0.0, 1.15 * max(max(cost.handles, cost.threads) for cost in costs))
    below.set_xlabel("job")
    below.legend(loc="lower right")
    figure.savefig(path, dpi=80)


def main() -> int:
    """Read the command line, run, draw and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=Path("out/many"))
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="the one with the engine's packages")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    costs = run(arguments.python, arguments.photo, arguments.output, arguments.jobs)
    growth, later = growth_percent(costs), costs[min(WARM_UP, len(costs) - 1) :]
    lost = later[-1].handles - later[0].handles
    values = {"growth_percent": round(growth, 2), "handles_lost": lost, "jobs": [asdict(cost) for cost in costs]}
    (arguments.output / "many_jobs.json").write_text(json.dumps(values, indent=1), "utf-8")
    draw(costs, arguments.output / "many_jobs.png")
    print(f"{len(costs)} jobs: memory {growth:+.1f} %, {lost} handles lost")
    return 1 if growth >= MOST_GROWTH_PERCENT or lost > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
