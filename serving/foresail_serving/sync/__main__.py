"""`python -m foresail_serving.sync`: sync alone, as `foresail serve` starts it."""

import sys

from foresail.errors import ForesailError
from foresail.settings import read_environment
from foresail_serving.logs import configure_logs
from foresail_serving.settings import SyncSettings
from foresail_serving.sync.program import run_sync


def main() -> None:
    """Follow the registry until the parent is gone."""
    configure_logs()
    with_parent = "--with-parent" in sys.argv[1:]
    try:
        run_sync(read_environment(SyncSettings), with_parent=with_parent)
    except ForesailError as error:
        if with_parent:
            print(error)  # noqa: T201  # the parent reads it and logs it
        else:
            print(f"foresail sync: {error}", file=sys.stderr)  # noqa: T201  # a program's last word
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
