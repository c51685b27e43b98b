"""The routes below ``/earthline``; above `stock`."""
