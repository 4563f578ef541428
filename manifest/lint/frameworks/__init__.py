"""Frameworks that ask for more than a column can say: one file each."""
