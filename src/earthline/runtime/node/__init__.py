"""The node in the service: its pump, its slow work, and what happens in it; above `tcp`."""
