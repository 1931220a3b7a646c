"""The panels as OpenSearch Dashboards imports them."""
