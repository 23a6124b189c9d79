"""What `commonspace doctor` looks at: this machine, what is installed, which services answer."""
