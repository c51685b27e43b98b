"""The peer engine: who the peers are, how they are reached, and what they say to one another (02).

Sans-I/O: `earthline.vl1.engine.PeerEngine` is told what came in and what time it is, and emits
commands. Frames of established flows pass in the switch and never come here; their traces arrive as
`Activity`.

Rooms, from the ground up; none imports from one above it:

- `ground`: the node itself, its timers and rate gates, and whose turn it is to be worked for
- `peers`: who the peers and roots are, their paths, and by which one a packet leaves
- `surface`: how the outside sees us, and what kind of NAT makes it so
- `sending`: packets on their way out, and how much may go to whom
- `identities`: whether an address belongs to a key: HELLOs of strangers and newcomers, doubts
- `verbs`: what nodes ask of one another, and how it is answered
- `paths`: paths learned, kept alive, measured, left for others, and told to the switch
- `traversal`: ways through NATs, and what they do
- `receiving`: packets as they come in: whether they are let in, by whom handled, what they mean
"""
