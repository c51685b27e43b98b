"""The home folder, and which services run on which; above `base`, below `planet` and `settings`."""
