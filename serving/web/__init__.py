"""The page: people see what is suggested to them and why, search, and walk the map."""
