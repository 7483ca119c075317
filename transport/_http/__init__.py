"""The operations server of a node: probes, metrics, and the pages that others add."""
