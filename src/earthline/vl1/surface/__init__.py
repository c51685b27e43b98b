"""How the outside sees us, and what kind of NAT makes it so; above `peers`, below `sending`."""
