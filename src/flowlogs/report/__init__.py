"""The panels as one self-contained page: the answers, the words, the charts."""
