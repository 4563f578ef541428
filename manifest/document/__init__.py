"""The two documents of a release: the description people write, the manifest machines write."""
