"""The peer engine: who the peers are, how they are reached, and what they say to one another (02).

Sans-I/O: `earthline.vl1.engine.PeerEngine` is told what came in and what time it is, and emits
commands. Frames of established flows pass in the switch and never come here; their traces arrive as
`Activity`.
"""
