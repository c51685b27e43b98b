"""The Ethernet engine: networks, membership, multicast, bridging and neighbour emulation (03).

Sans-I/O, like all of the core: events and times come in, commands go out. The switch moves the
frames of flows that are set up; what is here decides who is admitted, who holds our credentials,
and who receives a multicast group, and installs those decisions.
"""
