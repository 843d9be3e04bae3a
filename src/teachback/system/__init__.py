"""How this process was started, what it may use, and how it shows progress."""
