"""The four skills (B1 to B6): typed input, prompt, typed answer, and the plan steps that it becomes."""
