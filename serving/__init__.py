"""HTTP: encoders and recommender on Ray Serve behind one API and a web page."""
