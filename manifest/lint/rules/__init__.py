"""The rules, one family a file; each file is found by its presence."""
