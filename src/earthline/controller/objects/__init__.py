"""Networks, members and rules as JSON objects, and what they say.

Beside `rules_script`, below `rules_check`.
"""
