from __future__ import annotations

from collections.abc import Iterator

import pytest
from ours import Ours, planet_of_ours


@pytest.fixture
def ours() -> Iterator[Ours]:
    with planet_of_ours() as planet:
        yield planet
