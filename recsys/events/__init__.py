"""Posts, reactions and people in SQL: the truth of which the index is a copy."""
