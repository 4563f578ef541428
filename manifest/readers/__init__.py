"""What the files of a release say of themselves: headers and texts, never weights.

One format a module. Each reader takes a `Source` and a path, reads a bounded part and gives a
frozen value; what does not hold to its format is refused with a `DocumentError` that names the
file. Nothing here unpickles, unpacks or runs anything.
"""
