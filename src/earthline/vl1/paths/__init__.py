"""Paths learned, kept alive, measured, left for others, and told to the switch.

Above `verbs`, below `traversal`.
"""
