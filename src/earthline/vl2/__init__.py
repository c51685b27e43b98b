"""The Ethernet engine: networks, membership, multicast, bridging and neighbour emulation (03).

Sans-I/O, like all of the core: events and times come in, commands go out. The switch moves the
frames of flows that are set up; what is here decides who is admitted, who holds our credentials,
and who receives a multicast group, and installs those decisions.

Rooms, from the ground up; none imports from one above it:

- `ground`: networks and their members as plain state, and the peer engine as seen from here
- `members`: who is admitted to a network: credentials, revocations, frames that wait for them
- `config`: configurations of networks: asked for, put together, applied; our own controller
- `multicast`: who listens to which group, and how frames get there
- `frames`: frames of the TAP that the switch could not send by itself
"""
