"""What people who look in are told: groupctl, dashboards, metrics, hooks."""
