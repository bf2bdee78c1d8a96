"""Nothing that looks like a credential is added: neither in code nor in a test made from the issue's text."""

from __future__ import annotations

import math
import re
from collections import Counter

from agent.diff import added_lines
from agent.gates.evidence import Evidence, listed, passed, refused
from agent.types import FileChange, GateResult

NAME = "secrets"

KNOWN = re.compile(
    r"""(?x)
      -----BEGIN [ ] [A-Z0-9 ]{0,30} PRIVATE [ ] KEY
    | \b(?:gh[oprsu]_[A-Za-z0-9._-]{30,} | github_pat_[A-Za-z0-9_]{30,} | glpat-[A-Za-z0-9_-]{20,})
    | \b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b
    | \bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,} | \b[rsp]k_(?:live|test)_[A-Za-z0-9]{16,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,} | hooks\.slack\.com/services/[A-Za-z0-9/]{20,}
    | \bAIza[0-9A-Za-z_-]{35} | \bya29\.[0-9A-Za-z_-]{20,}
    | \bnpm_[A-Za-z0-9]{36}\b | \bpypi-[A-Za-z0-9_-]{50,} | \bhf_[A-Za-z0-9]{30,}
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
    | \b[a-z][a-z0-9+.-]{1,20}://[^\s/:@"']{1,100}:[^\s/@"']{6,200}@
    """
)
ASSIGNED = re.compile(
    r"""(?ix) (?:passw(?:or)?d | secret | token | api_?key | access_?key | auth | credential)s?
    ["']? \s* (?: [:=] | :\s*str\s*= ) \s* [rbu]{0,2}["'] (?P<value>[^"'\s]{20,400}) ["']"""
)
RANDOM_FROM = 3.5  # bits per character: prose and identifiers stay below, keys do not


def check(evidence: Evidence) -> GateResult:
    found = [place for change in evidence.changes for place in _places(change, evidence)]
    if found:  # the value itself is never repeated in the explanation
        return refused(NAME, f"looks like a credential: {listed(found)}")
    return passed(NAME, "nothing that looks like a credential is added")


def _places(change: FileChange, evidence: Evidence) -> list[str]:
    added = added_lines(evidence.source.read(change.path), change.content)
    return [f"{change.path}:{number}" for number, line in added if looks_secret(line[:20_000])]


def looks_secret(line: str) -> bool:
    if KNOWN.search(line):
        return True
    return any(_random(match["value"]) for match in ASSIGNED.finditer(line))


def _random(value: str) -> bool:
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= RANDOM_FROM and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
