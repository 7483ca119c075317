"""The pure part of transport."""
