"""How good the recommender is: splits, contenders, metrics, and the report of all of them."""
