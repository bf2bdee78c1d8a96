"""``python -m bot`` is ``codeagent``."""

from bot.cli import main

main()
