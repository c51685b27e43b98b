"""Who the members are: when they were seen, which are strangers, who is new.

Above `store`, below `issue`.
"""
