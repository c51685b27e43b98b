"""What the user wants: ``local.conf``, and permissions of networks.

Above `home`, beside `planet`, below `host`.
"""
