"""How flow logs lie in files: packings, payloads, tables and text, each recognised by how it begins."""
