"""What every test on real network namespaces needs: privileges, and its logs when it fails."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from earthline.lab import missing
from earthline.lab.service import SETTINGS_VARIABLE
from earthline.runtime.settings.settings import OffloadSettings

_HERE = Path(__file__).parent
_ON_NAMESPACES = (_HERE / "boundary", _HERE / "e2e", _HERE / "interop")
_LOG_LINES = 60
_OFFLOADS = tuple(OffloadSettings.model_fields)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-offload",
        action="append",
        default=[],
        choices=[*_OFFLOADS, "all"],
        help="switch this off in every Earthline service that a test starts; repeatable",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let each service know what is switched off, those of programs that tests start, too."""
    off = config.getoption("without_offload")
    if off:
        offload = dict.fromkeys(_OFFLOADS if "all" in off else off, False)
        os.environ[SETTINGS_VARIABLE] = json.dumps({"offload": offload})


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
