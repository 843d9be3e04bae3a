"""How the desk's recordings were made: README.md of this folder."""
