"""Bounds of a script and of what comes of it."""

from __future__ import annotations

from earthline.wire.rules import MAX_RULES

MAX_SCRIPT = 1 << 18
"""Characters."""
MAX_BASE_RULES = MAX_RULES
"""Entries that members keep of a network's rules; what is beyond would silently be lost."""
MAX_CAPABILITY_RULES = 64
"""The same of a capability (04, 14)."""
MAX_INCLUDE_DEPTH = 16
"""Macros that may include one another."""
MAX_INCLUDES = 4096
"""Includes carried out in one script, those within macros counted each time."""
