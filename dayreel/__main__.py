"""`python -m dayreel`: the command line without the installed script."""

from dayreel.cli import main

if __name__ == "__main__":
    main()
