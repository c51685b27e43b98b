"""Bridging a network to a physical interface: the Linux bridge between them, and its undoing.

| module   | owns |
|----------|------|
| bridges  | what is bridged: set up, confirmed, rolled back, undone |
| checks   | whether an interface may be bridged, and by which bridge |
| journal  | what a crash must not leave behind, on disk |
| kernel   | links, addresses and routes over netlink |
| loop     | the probe that finds another way from the interface to the network |
"""
