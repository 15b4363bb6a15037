"""Small true inputs for tests, written by the project's own writers."""
