"""Frames of the TAP that the switch could not send by itself; above `multicast` and `config`."""
