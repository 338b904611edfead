"""`python -m tsdsl` is the `tsdsl` command."""

from tsdsl.cli.main import main

main()
