"""Who may ask, how much, from where; and what is logged of it."""
