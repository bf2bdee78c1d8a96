"""The words by which issues tell what happens from what ought to happen: one written-out table."""

from __future__ import annotations

from enum import StrEnum


class Cue(StrEnum):
    EXPECT = "expect"  # what follows ought to be
    ACTUAL = "actual"  # what follows is what happens
    BUT = "but"  # back to what happens
    INSTEAD = "instead"  # the next value is of the other kind
    RESULT = "result"  # the next value is the result
    RAISE = "raise"
    REJECT = "reject"
    ACCEPT = "accept"
    NOT = "not"
    GUARD = "guard"  # it is right as it is
    BOTH = "both"  # all that was spoken of
    ASIDE = "aside"  # a reason or an explanation: no result in it
    CONDITION = "condition"
    ALSO = "also"
    WRONG = "wrong"  # a complaint without a value
    LIKE = "like"  # the same as for something else


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TABLE: dict[Cue, str] = {
    Cue.EXPECT: """
        should, shall, must, ought to, expect, expects, expected, expecting, i'd expect,
        supposed to, used to, documentation says, documentation states, docs say, docs state,
        according to the docs, according to the documentation, documented as, want, wanted,
        would like, desired, correct, convention is, has to, needs to, previously, intended,
        right answer, correctly be, ideally, would be, sollte, erwartet, erwarte, devrait,
        attendu, attends, debería, deberia, esperado, espero, 应该, 期望
    """,
    Cue.ACTUAL: """
        get, gets, got, getting, actual, actually, currently, observed, receive, received, now,
        see, today, at the moment, in reality, bekomme, stattdessen kommt, obtiens, obtengo, 实际
    """,
    Cue.BUT: "but, however, whereas, yet, aber, mais, pero",
    Cue.INSTEAD: "instead of, rather than, and not, but not, not, statt, anstatt, au lieu de, en lugar de",
    Cue.RESULT: """
        gives, give, giving, gave, returns, return, returning, returned, yields, yield, yielded,
        prints, print, printed, produces, produce, produced, outputs, output, is, be, are, was,
        evaluates to, evaluate to, equals, equal, becomes, become, results in, result in,
        resulting in, renders, render, rendered as, shows, show, comes out as, come out as,
        says, result, value, to be, as, ->, ist, gibt, liefert, est, renvoie, retourne, es,
        devuelve, retorna, 返回
    """,
    Cue.RAISE: """
        raises, raise, raised, raising, throws, throw, thrown, throwing, threw, fails, fail,
        failing, failed, crashes, crash, crashed, crashing, errors, error out, errors out, blows
        up, blow up, explodes, dies, traceback, an error, an exception, chokes, wirft, lève,
        lanza
    """,
    Cue.REJECT: """
        rejected, reject, rejects, refused, refuse, refuses, be an error, is an error, be
        invalid, disallowed, forbidden, not be accepted, not be allowed, not accept, not allow
    """,
    Cue.ACCEPT: """
        accepted, accepts, accept, works, work, working, allowed, allows, succeeds, succeed, be
        valid, be supported, be possible, no error, no exception, without error, without an
        error, without raising, silently, run without
    """,
    Cue.NOT: """
        don't, doesn't, didn't, isn't, aren't, wasn't, won't, can't, cannot, never, no longer,
        nicht, pas
    """,
    Cue.GUARD: """
        as expected, as i expect, as i expected, as i would expect, as i'd expect, as one would
        expect, as it should, as they should, correctly, works fine, work fine, is fine, are
        fine, rightly, as documented, is correct, are correct, is ok, is right, still, as before
    """,
    Cue.BOTH: "both, all of them, each of them, all of these, these, they, all three, all four, either",
    Cue.LIKE: """
        count as, counts as, treated as, treated like, handled as, handled like, treat it as, same as,
        equivalent to, behave like, behaves like, equal to, identical to, interpreted as
    """,
    Cue.ASIDE: "because, whose, which, due to, caused by",
    Cue.CONDITION: "if, when, unless, where, even though, although",
    Cue.ALSO: "also, as well, too, even, likewise, similarly, same for, the same",
    Cue.WRONG: "wrong, incorrect, incorrectly, bug, broken, wrongly, mistakenly, unexpected, different",
}
_MODALS = ("should", "must", "shall", "would")


def _phrases() -> dict[tuple[str, ...], tuple[Cue, ...]]:
    """Phrase → what it says, in order. A negated modal says two things."""
    found: dict[tuple[str, ...], tuple[Cue, ...]] = {}
    for cue, text in _TABLE.items():
        for phrase in text.split(","):
            found[tuple(phrase.split())] = (cue,)
    for modal in _MODALS:
        found[(modal + "n't",)] = (Cue.EXPECT, Cue.NOT)
        found[(modal, "not")] = (Cue.EXPECT, Cue.NOT)
        found[(modal, "never")] = (Cue.EXPECT, Cue.NOT)
        found[(modal, "no", "longer")] = (Cue.EXPECT, Cue.NOT)
    for negated in ("do not", "does not", "did not", "is not", "are not", "not be", "to not"):
        found[tuple(negated.split())] = (Cue.NOT,)
    for verb in ("raise", "fail", "crash", "throw", "return", "give", "be", "work", "error"):
        found[("not", verb)] = (Cue.NOT, *found.get((verb,), ()))
    for noun in ("an error", "an exception", "error"):
        for verb in ("raise", "throw", "give", "produce", "cause", "raises", "throws", "gives", "be"):
            found[(verb, *noun.split())] = (Cue.RAISE,)
    return found


PHRASES = _phrases()
LONGEST = max(map(len, PHRASES))

EXPECTED_HEADINGS = ("expect", "should", "desired", "erwartet", "attendu", "esperado", "期望")
ACTUAL_HEADINGS = (
    "actual", "current", "observed", "happen", "traceback", "error", "stack", "result", "output", "got",
    "log", "实际",
)  # fmt: skip
IGNORED_HEADINGS = (
    "environment", "version", "system", "fix", "solution", "proposal", "suggest", "checklist", "additional",
    "workaround", "install", "platform", "confirm", "acceptance",
)  # fmt: skip

EMPTY_KINDS = {
    "list": "list", "tuple": "tuple", "dict": "dict", "dictionary": "dict", "set": "set", "string": "str",
    "str": "str", "result": "result", "iterator": "result", "iterable": "result", "sequence": "result",
    "output": "result", "array": "list", "bytes": "bytes",
}  # fmt: skip
