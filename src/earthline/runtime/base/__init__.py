"""Time, files, logs, processes, and work that is repeated; below `home`."""
