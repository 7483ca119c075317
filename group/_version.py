"""The version of this distribution, told in one place: its metadata."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("pykka-group")
except PackageNotFoundError:
    # Run from a checkout that was never installed.
    VERSION = "unknown"
