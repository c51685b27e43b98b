"""Ways through NATs, and what they do; above `paths`, below `receiving`."""
