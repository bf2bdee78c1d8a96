"""Becoming a GitHub App: GitHub's manifest flow, answered on this machine only (threat 25).

``permissions`` is the one table of what the App may do and hears; ``manifest`` says it to GitHub; ``tickets``
are the one-time secret, the session and the ``state``; ``pages`` are drawn without effects; ``keys`` writes
what GitHub gives; ``web`` is the four addresses, and ``serve`` runs them until the App is there.
"""
