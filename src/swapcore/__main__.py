"""`python -m swapcore`, the form in which torchrun starts the command line."""

from swapcore.cli.main import main

if __name__ == "__main__":
    main()
