"""Where things are run: the command line, local services, clusters."""
