"""What the API takes and gives: a typed dictionary for each object, from which its schema is made.

Answers are built as these, so that mypy sees what is missing. Requests are described by them, and
read more loosely than they say, as stock services do (05, 7.3).
"""
