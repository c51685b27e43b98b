"""What is the matter, and what to do about it: judged from a snapshot, without any I/O.

    probes (runtime) ──▶ Snapshot ──▶ judge ──▶ findings, the worst first ──▶ API, command line

A snapshot says what was seen, and where it could not look; what that means is decided here alone.
"""
