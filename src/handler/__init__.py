"""Touches the world: the Lambda functions, the way to OpenSearch, the failure bucket.

The modules here read the environment, speak to OpenSearch and AWS, and write logs and metrics. What
a payload means, and what an answer means, is decided in `parser`.
"""

__version__ = "0.1.0"
"""The version of the software; stored with each rejected event."""
