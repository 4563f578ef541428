"""``python -m manifest``: the command line."""

from manifest.cli import main

if __name__ == "__main__":
    main()
