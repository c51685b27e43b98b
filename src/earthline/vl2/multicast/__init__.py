"""Who listens to which group, and how frames get there.

Above `members`, beside `config`, below `frames`.
"""
