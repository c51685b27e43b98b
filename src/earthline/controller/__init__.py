"""The network controller: whom it admits, which addresses it gives, what it signs (04).

`authority.Authority` is the sans-I/O facade; a `store.Store` handed to it keeps the records.

Rooms, from the ground up; none imports from one above it:

- `rules_script`: rules as people write them, compiled
- `objects`: networks, members and rules as JSON objects, and what they say
- `rules_check`: what rules do to a frame
- `store`: where networks and members are kept: databases, and files of the stock layout
- `members`: who the members are: when they were seen, which are strangers, who is new
- `issue`: what members get on request, and when it ends: configurations, revocations
"""
