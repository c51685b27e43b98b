"""What nodes promise of the bytes they send where nobody has answered yet."""

from __future__ import annotations

AMPLIFICATION: int | None = None
"""So many times what came by an unproved path may leave by it. None: not promised yet, and so not
looked at, neither for what a packet costs nor in conversations."""
