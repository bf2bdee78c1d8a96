"""GitHub through githubkit: one file knows the library, the others what is asked and made of it."""
