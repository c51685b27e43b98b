"""The routes of the stock API, in its shapes; above `http`, below `ours`."""
