"""What one types: a module for each command, which reads its options, asks the other rooms and prints."""
