"""What nodes ask of one another, and how it is answered; above `identities`, below `paths`."""
