"""What members get on request, and when it ends: configurations, revocations; above `members`."""
