"""``python -m teachback``: the command line."""

from teachback.cli import main

if __name__ == "__main__":
    main()
