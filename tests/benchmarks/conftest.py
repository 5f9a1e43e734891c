"""Tells what the benchmarks recorded beside their times.

    python -m pytest tests/benchmarks -o python_files="bench_*.py"

The files are called bench_*.py so that no ordinary run collects them. ``--benchmark-json FILE`` keeps all figures.
"""

from __future__ import annotations


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value:.2f} {name}")
