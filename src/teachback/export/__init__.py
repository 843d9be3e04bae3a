"""Writing what other tools read."""
