"""What tokens cost, and how many tokens a text is."""
