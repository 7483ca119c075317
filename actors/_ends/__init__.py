"""How actors end, and how others hear of it: watches, links, signals."""
