"""The dashboard: one page, and the answers that it asks for. It only looks."""
