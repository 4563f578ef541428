"""A segment of the training repeated and compared with what was published (spec/replay.md).

`parts` says what a segment needs and what it must not see, `copying` lays it out, `interpreter` and
`sandbox` run the command, `output` takes what it left, `comparison` holds that against the
published checkpoint, and `run` goes through all of it.
"""
