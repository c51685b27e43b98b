"""Commands about the service on this machine: begun, installed, read, removed.

Above `node`, beside `control`.
"""
