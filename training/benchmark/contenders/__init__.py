"""What is compared, a kind of model a file."""
