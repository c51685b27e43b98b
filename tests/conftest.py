"""What every test on real network namespaces needs: privileges, and its logs when it fails."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from earthline.lab import missing

_HERE = Path(__file__).parent
_ON_NAMESPACES = (_HERE / "boundary", _HERE / "e2e", _HERE / "interop")
_LOG_LINES = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, and skip them where nobody may make namespaces."""
    chosen = [item for item in items if item.path.parent in _ON_NAMESPACES]
    reason = missing() if chosen else None
    for item in chosen:
        item.add_marker(pytest.mark.namespaces)
        if reason is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put what the programs in the lab said last under the report of a failed test."""
    report = yield
    if report.failed and item.path.parent in _ON_NAMESPACES:
        labs = Path(tempfile.gettempdir()).glob(f"earthline.{os.getpid()}.*")
        for log in (log for lab in labs for log in sorted(lab.glob("*/*.log"))):
            last = log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
            report.sections.append((f"{log.parent.name}: {log.name}", "\n".join(last)))
    return report
