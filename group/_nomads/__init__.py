"""Children that restart on another node of the group."""
