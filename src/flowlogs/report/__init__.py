"""`flowlogs report`: the panels as one self-contained page."""
