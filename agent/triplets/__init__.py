"""Training data from journals: state-action-state triplets and what is made of them (F1 to F6)."""
