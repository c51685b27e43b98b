"""Packets on their way out, and how much may go to whom; above `surface`, below `identities`."""
