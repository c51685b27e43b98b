"""What nodes promise of the bytes they send where nobody has answered yet."""

from __future__ import annotations

AMPLIFICATION = 3
"""So many times what came by an unproved path may leave by it, in all kinds of packets together."""
