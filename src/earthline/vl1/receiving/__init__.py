"""Packets as they come in: whether they are let in, by whom handled, what they mean.

Above `traversal`.
"""
