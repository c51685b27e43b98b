"""The console programs. They speak to the service through its HTTP API alone."""
