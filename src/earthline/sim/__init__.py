"""The simulator: whole nodes, their NATs and their roots in one process, in virtual time.

It runs the same core on the same switch as the service, and everything follows from one seed. It is
public: test your own networks with it.
"""
