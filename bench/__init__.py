"""What reproduces the figures of ``RESULTS.md``: ``python -m bench.NAME``; README.md lists all."""
