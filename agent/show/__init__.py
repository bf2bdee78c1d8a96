"""Looking at runs: a model of a run read from its journal's notes, and the pictures of it that need no
terminal."""
