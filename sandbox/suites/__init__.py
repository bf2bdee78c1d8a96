"""Run and parse test suites: one file per runner."""
