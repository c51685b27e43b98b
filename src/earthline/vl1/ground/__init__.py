"""The node itself, its timers and rate gates, and whose turn it is to be worked for.

Below `peers`.
"""
