"""git on this machine, with everything that a repository could make it run switched off."""
