"""``python -m bot`` is ``codeagent``."""

from bot.cli.main import main

main()
