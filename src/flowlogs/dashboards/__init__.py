"""What one asks of flow logs: panels from one source, for OpenSearch Dashboards and for the report."""
