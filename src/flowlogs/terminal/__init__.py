"""How commands speak: options that they share, tables and numbers, progress, and how they end."""
