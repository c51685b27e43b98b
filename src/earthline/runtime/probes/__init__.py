"""Looking at this host and the way to the roots: sockets, netlink and files, no judgement."""
