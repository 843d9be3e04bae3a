"""GGUF files: their headers, and those that come as Python wheels."""
