"""Whether an address belongs to a key: HELLOs of strangers and newcomers, doubts.

Above `sending`, below `verbs`.
"""
