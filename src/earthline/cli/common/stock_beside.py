"""What ``earthline`` says where the service that answers is ZeroTier One's.

That has all of the stock API and nothing of ours, which answers below ``/earthline`` and in keys of
that name.
"""

from __future__ import annotations

from typing import Any

OURS = "earthline"


def is_ours(status: dict[str, Any]) -> bool:
    """Whether an answer to ``GET /status`` is of Earthline."""
    return OURS in status


def product(status: dict[str, Any]) -> str:
    """Who answers ``GET /status``, with the release."""
    if is_ours(status):
        return f"Earthline {status[OURS]['version']}"
    return f"ZeroTier One {status.get('version', 'of an unknown release')}"


def refusal(status: dict[str, Any], home: object) -> str:
    """Why a command of ours cannot be carried out there: one line."""
    return (
        f"{product(status)} runs on {home}, which does not have this command: "
        "it needs an Earthline service"
    )
