"""What a repository and its organisation may say of the bot, and what the operator allows them to.

``keys`` holds the keys of ``.github/codeagent.yml``, ``reading`` makes them from bytes, ``merge`` puts the
repository's over its organisation's, ``terms`` holds what the operator allows, and ``tighten`` makes of both
what counts: never looser than the operator's, whatever was written.
"""
