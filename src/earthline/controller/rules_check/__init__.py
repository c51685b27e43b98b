"""Which rule decides about a frame, and why: questions to the real rules engine (03, 6).

`frames` reads frames in a short notation, `trial` lets the engine judge them on both sides of a
network and finds the rules that made the difference.
"""
