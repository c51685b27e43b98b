"""What bytes mean: verbs and messages, identities, credentials, worlds, rules and addresses. Pure.

Parsers take whole byte strings and raise `earthline.wire.reader.Malformed`; what they return cannot
be half-valid. Nothing here reads a clock, draws entropy or keeps state between calls.
"""
