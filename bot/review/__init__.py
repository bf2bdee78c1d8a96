"""What reviewers ask for, and what can be said about a run that is over. Pure."""
