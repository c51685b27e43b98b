"""How every request is let in, read and answered, whatever it is about.

Above `shapes`, below `stock`.
"""
