"""Port mapping: having the gateway send one outside port to our tertiary one (02, 7.7).

`mapper` is the worker. It asks each gateway by PCP, then by NAT-PMP, then by UPnP, until one says
yes, and keeps the mapping fresh. Whatever a gateway answers is bounded, comes from its own address,
and is checked before it is believed.
"""
