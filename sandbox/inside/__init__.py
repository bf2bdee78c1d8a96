"""The program that runs inside a sandbox: pure standard library, Python 3.9 or newer, no third-party import.

Its source text is sent to the inside (:mod:`sandbox.boot`), so it needs nothing of this project
installed there. It is of the same user as the hostile commands that it starts; what protects it from
them is that it is not dumpable (no ptrace, no ``/proc/<pid>/mem`` or ``fd``) and that no descriptor of
it is inherited. The host still trusts no answer: it bounds and checks every one, and kills the whole
sandbox when one is late.
"""
