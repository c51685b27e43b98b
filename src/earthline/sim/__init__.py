"""The simulator: whole nodes, their NATs and their roots in one process, in virtual time, from a seed.

It runs the same core on the same switch as the service, and is public: test your own networks with it.
"""
