"""The methods of `Group`, by what they do; `group/_group.py` puts them together."""
