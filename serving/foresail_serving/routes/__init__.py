"""The pages of the server, one router per concern."""
