"""Supervisors, their children, and who restarts when."""
