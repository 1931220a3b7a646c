"""What stands in for AWS on this machine: OpenSearch, the account, the function and its runtime."""
