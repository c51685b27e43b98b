"""The host: its kernel, its routes, its users, its service manager.

Above `planet` and `settings`, below `taps`.
"""
