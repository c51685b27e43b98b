"""Who is admitted to a network: credentials, revocations, frames that wait for them.

Above `ground`, below `multicast` and `config`.
"""
