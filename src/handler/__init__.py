"""The Lambda functions: what touches the world.

The modules here read the environment, speak to OpenSearch and AWS, and write logs and metrics. What
a payload means, and what an answer means, is decided in `parser`.
"""

__version__ = "0.1.0"
"""The version of the software; stored with each rejected event."""
