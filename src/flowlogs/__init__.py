"""The operator's side: a command line and an embedded OpenSearch. Never shipped to Lambda."""
