"""GitHub's deliveries: what they hold, how they come in, what went astray."""
