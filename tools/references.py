#!/usr/bin/env python3
"""Write `docs/reference` from the code; with `--check` only say which page is not of this code."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from pages import counters, events, http, metrics, settings
from pages.reading import ROOT, Undocumented

FOLDER = ROOT / "docs" / "reference"

PAGES = {
    "settings.md": settings.page,
    "http-api.md": http.page,
    "metrics.md": metrics.page,
    "counters.md": counters.page,
    "log-events.md": events.page,
}


def main(arguments: list[str]) -> int:
    """The exit status: 1 where a page is stale, or has nothing to say of something."""
    stale = 0
    for name, page in PAGES.items():
        path = FOLDER / name
        try:
            text = page()
        except Undocumented as fault:
            print(f"{name}: {fault}")
            return 1
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in arguments:
            print(f"docs/reference/{name} is not of this code: make references")
            stale = 1
        else:
            path.write_text(text)
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
