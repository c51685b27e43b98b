"""The UDP sockets: where they are bound, and who else has their port.

Above `bridge`, below `portmap`.
"""
