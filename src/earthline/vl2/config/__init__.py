"""Configurations of networks: asked for, put together, applied; our own controller.

Above `members`, beside `multicast`, below `frames`.
"""
