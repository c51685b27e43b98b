"""The wheel that `make wheel` built, and how tests install it without the internet."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

DIST = Path(__file__).parents[1] / "dist"


def built_wheel() -> Path:
    """The one in dist; a test that needs it is skipped where there is none."""
    made = sorted(DIST.glob("earthline-*.whl"))
    if not made:
        pytest.skip("there is no wheel to install; use: make wheel")
    return made[-1]


def offline(packages: Path) -> dict[str, str]:
    """Environment in which pip finds in a new folder what else it would fetch from the internet."""
    packages.mkdir()
    for kind in ("purelib", "platlib"):
        for entry in Path(sysconfig.get_path(kind)).iterdir():
            ours = entry.name.startswith(("earthline", "_virtualenv", "__pycache__"))
            if not ours and not (packages / entry.name).exists():
                (packages / entry.name).symlink_to(entry)
    return {
        "PYTHONPATH": str(packages),
        "PIP_NO_INDEX": "1",
        "PIP_NO_COMPILE": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
