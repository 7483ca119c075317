"""What figures are compared with, measured in the same run."""
