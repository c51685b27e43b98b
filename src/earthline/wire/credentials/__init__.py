"""Credentials: what a network's controller certifies of its members (03, 4)."""
