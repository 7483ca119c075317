"""What is measured: one world each, with cases that take turns in it."""
