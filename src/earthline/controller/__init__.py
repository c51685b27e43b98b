"""The network controller: whom it admits, which addresses it gives, what it signs (04).

`authority.Authority` is the sans-I/O facade; a `store.Store` handed to it keeps the records.
"""
