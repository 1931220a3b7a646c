"""What lies in the failure bucket: which objects are meant, what they hold, and why it was rejected."""
