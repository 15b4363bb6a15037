"""Real servers on loopback for the tests, one module each."""
