"""A run folder: its layout, and the steps from files to files."""
