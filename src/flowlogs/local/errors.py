"""What goes wrong with what runs on this machine; apart, so that nobody imports the rest to name it."""


class EmbeddedError(Exception):
    """The embedded OpenSearch could not be had or did not start; the message says why and what helps."""
