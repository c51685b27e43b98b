"""The devices of networks, with their addresses, routes and groups.

Above `host`, below `bridge`.
"""
