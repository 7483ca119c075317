"""The pure part of group."""
