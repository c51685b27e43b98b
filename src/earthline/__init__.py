"""Earthline: flat virtual Ethernet networks over any IP network, in the ZeroTier protocol.

The protocol core (`wire`, `vl1`, `vl2`, `node`, `controller`, `root`) has no clock, socket or
entropy of its own; `runtime` gives it the real world, `sim` a virtual one.
"""

__version__ = "0.1.0"

STOCK_VERSION = "1.14.1"
"""The release of ZeroTier One whose protocol, files, API and command lines this one keeps to."""
