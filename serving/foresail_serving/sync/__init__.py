"""The server's other process: it holds the credentials and brings the champion's bundles."""
