"""Which of several patches that pass is proven first: agreement, tie-breaks, and a question where the issue
leaves open what is right."""
