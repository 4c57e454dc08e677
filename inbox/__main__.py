"""Run the command `inbox` as `python -m inbox`."""

from inbox.cli import main

if __name__ == "__main__":
    main()
