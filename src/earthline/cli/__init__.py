"""The console programs. They speak to the service through its HTTP API alone.

Rooms, from the ground up; none imports from one above it:

- `common`: what every program needs: the client of the API, tables, one line when it fails
- `stock`: the programs with the stock command lines
- `node`: commands about this node, its peers, its networks and its planet
- `control`: commands about the networks that this node controls
- `machine`: commands about the service on this machine: begun, installed, read, removed
"""
