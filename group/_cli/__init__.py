"""The command line: run a node, watch a demo, look inside a running group."""
