"""The text that helps to find a fault: versions, what works, how the last job ended, the log's end. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .masking import masked

LOG_LINES = 40


@dataclass(frozen=True)
class Facts:
    """What a report tells.

    Attributes:
        versions: name -> version, the add-on's first.
        engine: how the engine is set up, in a few words.
        check: the lines of Check Engine (`protocol.EngineStatus`); empty where it was not pressed.
        job: name -> text, how the last job went.
        settings: what differs from the default.
        log: the end of the last job's log.
    """

    versions: Mapping[str, str]
    engine: str = ""
    check: Sequence[Mapping[str, Any]] = ()
    job: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    log: str = ""


def report_text(facts: Facts, roots: Mapping[str, str], names: Sequence[str]) -> str:
    """The report, Markdown, without what is private; ``roots`` and ``names``: see `masking.masked`."""
    checks = [_check_line(line) for line in facts.check] or ["not pressed"]
    parts = [
        "\n".join(f"{name}: {version}" for name, version in facts.versions.items()),
        f"Engine: {facts.engine}",
        "Check Engine:\n" + "\n".join(f"* {line}" for line in checks),
        "Last job:\n" + ("\n".join(f"* {name}: {text}" for name, text in facts.job.items() if text) or "none"),
        "Settings:\n" + ("\n".join(f"* {name} = {value!r}" for name, value in facts.settings.items()) or "defaults"),
        f"End of the log:\n```\n{facts.log.strip() or 'no log'}\n```",
    ]
    return masked("\n\n".join(parts), roots, names) + "\n"


def _check_line(line: Mapping[str, Any]) -> str:
    remedy = f" ({line['remedy']})" if line.get("remedy") and not line.get("ok") else ""
    return f"{'ok' if line.get('ok') else 'no'}, {line.get('name')}: {line.get('detail')}{remedy}"


def end_of_log(path: Path, lines: int = LOG_LINES) -> str:
    """The last ``lines`` of a log; nothing where it cannot be read."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
