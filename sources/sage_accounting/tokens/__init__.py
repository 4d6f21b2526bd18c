"""Access and refresh tokens: rotation, journal, recovery, authorisation."""
