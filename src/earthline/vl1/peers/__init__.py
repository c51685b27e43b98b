"""Who the peers and roots are, their paths, and by which one a packet leaves.

Above `ground`, below `surface`.
"""
