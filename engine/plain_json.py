"""JSON and text files that anybody may have written, read within bounds. Standard library only."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

# Far above any description, settings or job; a device or a film chosen by mistake is not read to its end.
MOST_BYTES = 16 << 20


def parsed(text: str | bytes, **options: Any) -> Any:
    """`json.loads`; nesting that is too deep is a ValueError too."""
    try:
        return json.loads(text, **options)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text in a file.

    Raises:
        OSError: it cannot be read, or is larger than `MOST_BYTES`.
        UnicodeDecodeError: it is no text.
    """
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MOST_BYTES >> 20} MB", str(path))
    return data.decode(encoding)
