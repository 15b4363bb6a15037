"""The way out: a server that is about to stop says so before it does."""


class Drain:
    """Whether the server is about to stop; begun once, never undone.

    Attributes:
        draining: Requests are still answered, each as the last one of its connection, and
            `/readyz` is a 503.
    """

    def __init__(self) -> None:
        self.draining = False

    def begin(self) -> None:
        """Begin."""
        self.draining = True
