"""Planets of our own and of others; above `home`, beside `settings`, below `host`."""
