"""``--vectors DIR`` runs over recordings of any nodes, not only of those in ``data``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from other_identities import write_folder

HERE = Path(__file__).parent


@pytest.mark.timeout(600)
def test_recordings_of_other_nodes_hold_as_well(tmp_path):
    addresses = write_folder(HERE / "data", tmp_path)
    assert len(addresses) == 3
    assert not set(addresses) & set(addresses.values())
    for name in ("frame_tx", "frame_rx"):
        text = (tmp_path / f"{name}.json").read_text()
        assert not any(address in text for address in addresses)

    outcome = run(tmp_path)
    assert outcome.returncode == 0, outcome.stdout
    cases = [len(json.loads(p.read_text())["cases"]) for p in tmp_path.glob("*.json")]
    assert f"{sum(cases)} passed" in outcome.stdout


def test_a_recording_that_is_not_true_fails(tmp_path):
    """What is read is the folder named: were it `data`, this would pass."""
    document = json.loads((HERE / "data" / "frame_tx.json").read_text())
    document["cases"] = document["cases"][:1]
    document["cases"][0]["packets"][-1]["payload"] += "00"
    (tmp_path / "frame_tx.json").write_text(json.dumps(document))
    outcome = run(tmp_path)
    assert outcome.returncode == 1
    assert "1 failed" in outcome.stdout


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """The tests of frames over a folder, in a process of their own."""
    files = [str(HERE / f"test_{name}_vectors.py") for name in ("frame_tx", "frame_rx")]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "--vectors", folder, *files],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
