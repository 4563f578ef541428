"""The version of the package, read by the build backend and by ``manifest --version``."""

__version__ = "0.1.0"
