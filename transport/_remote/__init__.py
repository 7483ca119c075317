"""Actors on other nodes: refs, questions, monitors and links, and their bytes."""
