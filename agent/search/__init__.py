"""The hybrid search method (paper section 3): one loop, one tree, four ways to walk it."""
