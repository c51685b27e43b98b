"""Commands about this node, its peers, its networks and its planet.

Above `stock`, below `machine` and `control`.
"""
