"""The local HTTP API: routes and their stock shapes, thin over `earthline.runtime`.

Rooms, from the ground up; none imports from one above it:

- `shapes`: what the API takes and gives: a typed dictionary for each object
- `http`: how every request is let in, read and answered, whatever it is about
- `stock`: the routes of the stock API, in its shapes
- `ours`: the routes below ``/earthline``
"""
