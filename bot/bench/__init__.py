"""``codeagent bench``: the engine over known bugs. What judges a patch is never shown to the search."""
