"""The programs with the stock command lines; above `common`, below `node`."""
