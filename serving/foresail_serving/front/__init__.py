"""What stands before the routes: the guarded connection, the cache of answers, the drain."""
