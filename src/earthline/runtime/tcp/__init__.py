"""Where UDP is blocked: TCP tunnels to relays, and being one; above `portmap`, below `node`."""
