"""CLI."""


def main() -> None:
    """Run."""
