"""Detect what a repository needs and build it, in a sandbox: one file per ecosystem."""
