"""What one asks of flow logs, and how it is drawn: one source for Dashboards and for the report."""
