"""``codeagent action``: one job inside a step of GitHub Actions, the runner takes the server's place."""
