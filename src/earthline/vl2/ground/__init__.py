"""Networks and their members as plain state, and the peer engine as seen from here.

Below `members`.
"""
