"""What every program needs: the client of the API, tables, one line when it fails.

Below `stock`.
"""
