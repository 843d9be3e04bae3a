"""Looks at results that are already known: what they suggest has to be confirmed on new rows."""
