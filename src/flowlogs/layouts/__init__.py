"""What flow log lines come in when a person has them: recognised, and taken off."""
