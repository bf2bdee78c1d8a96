"""Sentences → what they claim of which subject.

A sentence is read once from left to right. Cues (``lexicon``) switch between what happens and what ought to
happen; code names subjects; values and exceptions are outcomes of the subjects last spoken of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.builtin.reproduction.changes import attributes, changed, like, with_attribute, with_literal
from agent.builtin.reproduction.claims import (
    Accepts,
    Empty,
    Like,
    Mode,
    Outcome,
    Raises,
    Text,
    Unlike,
    Value,
)
from agent.builtin.reproduction.ledger import Entry, Ledger, variant
from agent.builtin.reproduction.lexicon import EMPTY_KINDS, LONGEST, PHRASES, Cue, words
from agent.builtin.reproduction.tokens import Sentence, Token, Type, sentences
from agent.builtin.reproduction.vocabulary import (
    Atom,
    AttributeAtom,
    CallAtom,
    Change,
    KeywordAtom,
    NothingAtom,
    OperatorAtom,
    Vocabulary,
    exception,
)

STALE = 99
FRESH_CODE = 12  # tokens between a cue and its value in backticks
FRESH_WORD = 5  # … and its value in plain words
PREPOSITIONS = frozenset(
    ["with", "for", "when", "if", "using", "on", "from", "calling", "passing", "given", "in", "by"]
)
FILLERS = frozenset(["i", "the", "case", "of", "call", "we", "you", "same", "only"])
JOINERS = frozenset(["and", "or", ",", "/", "&", "nor", "und", "et", "y", "both"])
MESSAGE_STOPS = frozenset(["but", "instead", "when", "while", "because", "whereas", "although", "if"])
SMALL_WORDS = words("""
    a an the value default simply just only always me us back of result about approximately approx
    approx. roughly around wrongly incorrectly still in it here there number integer float int
    string boolean bool exactly which something like ~ really probably then to at by i you we my is
    literally even plain constant instead empty
""")
PAST = frozenset(["returned", "gave", "printed", "yielded", "was", "produced"])
CONTRASTING = frozenset(["now", "today", "currently"])
WORKING = frozenset(["works", "work", "working", "succeeds"])
ORDINALS = {"first": slice(0, 1), "former": slice(0, 1), "second": slice(1, 2), "latter": slice(-1, None)}
ROUNDED = frozenset(["about", "approximately", "approx", "approx.", "roughly", "around", "circa", "≈", "~"])


@dataclass
class Prose:
    """Reads paragraphs into a ledger. ``pending`` are outcomes told before the code that they are about."""

    ledger: Ledger
    vocabulary: Vocabulary
    pending: list[tuple[Mode, Outcome, str]] = field(default_factory=list)
    next_mode: Mode | None = None

    def read(self, paragraph: str, mode: Mode = Mode.ACTUAL) -> None:
        self.next_mode = None
        for sentence in sentences(paragraph):
            reader = _Reader(self, sentence, mode)
            reader.read()
            if sentence.tokens[-1].text == ":" or reader.ends_open:
                self.next_mode = reader.mode if reader.marked or reader.ends_open else None

    def remark(self, entry: Entry, comment: str, mode: Mode | None = None) -> None:
        """A comment on one subject. A bare value in it may be what comes or what ought to come."""
        for sentence in sentences(comment):
            reader = _Reader(self, sentence, mode or Mode.ACTUAL)
            reader.group = [entry]
            reader.age = 0
            reader.unmarked_is_weak = mode is None
            reader.read()


class _Reader:
    """The state of reading one sentence."""

    def __init__(self, prose: Prose, sentence: Sentence, mode: Mode) -> None:
        self.prose = prose
        self.ledger = prose.ledger
        self.vocabulary = prose.vocabulary
        self.sentence = sentence
        self.tokens = sentence.tokens
        self.mode = mode
        self.quote = " ".join(sentence.text.replace("**", "").split())
        self.group: list[Entry] = []  # subjects of the clause
        self.seen: list[Entry] = []  # all subjects of the sentence
        self.touched: list[Entry] = []  # those something was told of
        self.told: set[Mode] = set()  # of the group
        self.last_outcome: tuple[Mode, Outcome] | None = None
        self.age = STALE  # tokens since a cue that lets a value follow
        self.last_cue: Cue | None = None
        self.toggled = False
        self.denied = STALE  # tokens since a negation
        self.refuted = False  # something was denied in this clause
        self.aside = False
        self.also = False
        self.marked = False  # it says whether it tells what is or what ought to be
        self.like = False
        self.hoping = False
        self.rounded = False
        self.unmarked_is_weak = False
        self.subject_end = -1
        self.strangers = 0  # words of their own meaning since the last cue
        self.spoiled = False
        self.ends_open = False  # its last words announce a result: "renders as"
        self.past = False  # it tells what came earlier
        self.guards = self._guards()
        if mode is Mode.EXPECTED:
            self.age = 0  # below a heading that says what follows

    # --- Walking ------------------------------------------------------------------------------------------

    def read(self) -> None:
        at = 0
        while at < len(self.tokens):
            following = self._step(at)
            self.age += 1
            self.denied += 1
            at = max(following, at + 1)
        self._finish()

    def _step(self, at: int) -> int:
        cues, length = self._phrase(at)
        if length:
            for cue in cues:
                self._cue(cue, at)
            announces = cues[-1] in (Cue.RESULT, Cue.EXPECT, Cue.ACTUAL)
            self.ends_open = announces and at + length == len(self.tokens)
            return at + length
        token = self.tokens[at]
        if token.type is Type.PUNCT:
            self._punctuation(token, at)
            return at + 1
        if token.low in ROUNDED:
            self.rounded = True
        if token.low in ORDINALS and at and self.tokens[at - 1].low == "the" and len(self.seen) > 1:
            self.group, self.told = self.seen[ORDINALS[token.low]], set()
            return at + 1
        atom, end = self._atom(at)
        match atom:
            case CallAtom():
                return self._call(atom, at, end)
            case KeywordAtom() | AttributeAtom() | OperatorAtom():
                self._change(atom, at)
                return end
            case Raises():
                self._raises(atom)
                return end
            case Value() | Text() | Empty():
                return self._values(at)
            case _:
                self.strangers += token.type is Type.WORD and token.low not in SMALL_WORDS | JOINERS
                return end

    def _phrase(self, at: int) -> tuple[tuple[Cue, ...], int]:
        words: list[str] = []
        found: tuple[tuple[Cue, ...], int] = ((), 0)
        for token in self.tokens[at : at + LONGEST]:
            if token.type is not Type.WORD and token.text != "->":
                break
            words.append(token.low)
            cues = PHRASES.get(tuple(words))
            if cues is not None:
                found = (cues, len(words))
        return found

    def _guards(self) -> list[str]:
        """For each token the guarding phrase of its clause: "still" says less than "as expected"."""
        marks: list[str] = []
        clause: list[int] = []
        guard = ""
        at = 0
        while at < len(self.tokens):
            cues, length = self._phrase(at)
            if Cue.BUT in cues or self.tokens[at].text == ";":
                marks.extend([guard] * len(clause))
                clause, guard = [], ""
            if Cue.GUARD in cues:
                guard = "still" if self.tokens[at].low == "still" and not guard else "is"
            for _ in range(max(length, 1)):
                clause.append(at)
                at += 1
        marks.extend([guard] * len(clause))
        return marks

    def _punctuation(self, token: Token, at: int) -> None:
        if token.text == ":" and self.mode is Mode.EXPECTED and self._explains(at):
            self.mode, self.age = Mode.ACTUAL, STALE
        elif token.text == ":" and at and (self.age <= 1 or at - 1 == self.subject_end):
            self.age = -1
        elif token.text == ";":
            self.age, self.aside, self.toggled = STALE, False, False
        elif token.text in "(,":
            self.age -= 1  # no distance

    def _explains(self, at: int) -> bool:
        """ "It should treat blanks as empty: `f(" ")` gives False": after the colon stands what happens."""
        following = self.tokens[at + 1].type if at + 1 < len(self.tokens) else Type.PUNCT
        long = at >= 4 and not any(
            token.low in ("following", "this", "like") for token in self.tokens[at - 2 : at]
        )
        return long and following in (Type.CODE, Type.CALL) and self.last_cue is not Cue.EXPECT

    # --- Cues ---------------------------------------------------------------------------------------------

    def _cue(self, cue: Cue, at: int) -> None:
        self.strangers = 0
        match cue:
            case Cue.EXPECT:
                self._switch(Mode.EXPECTED)
                self.hoping = True
            case Cue.BUT if self.refuted and self.mode is Mode.EXPECTED:
                self._switch(Mode.EXPECTED)  # "should not raise but return 5"
            case Cue.ACTUAL | Cue.BUT:
                if self.tokens[at].low in CONTRASTING and self.past and self.told == {Mode.ACTUAL}:
                    self._once()
                self._switch(Mode.ACTUAL)
            case Cue.RESULT:
                self.age = -1
                self.past |= self.tokens[at].low in PAST
            case Cue.INSTEAD:
                self.toggled, self.age = True, -1
            case Cue.LIKE:
                self.like, self.age = True, -1
            case Cue.NOT if at == 0 and self.tokens[-1].text == "?":
                pass  # "Shouldn't it be 5?" is no denial
            case Cue.NOT:
                self.denied, self.refuted = -1, True
            case Cue.RAISE | Cue.REJECT | Cue.ACCEPT:
                self._verdict(cue, at)
            case Cue.BOTH:
                self.group = list(self.seen or self.ledger.last)
                self.told = set()
            case Cue.ASIDE:
                self.aside, self.age = True, STALE
            case Cue.CONDITION:
                self.age, self.like = STALE, False
            case Cue.ALSO:
                self.also = True
            case Cue.WRONG:
                self.marked = True
                for entry in self._targets():
                    entry.complained = True
            case Cue.GUARD:
                pass
        self.last_cue = cue

    def _once(self) -> None:
        """ "It returned 3, now it returns 0": what was is what ought to be."""
        for entry in self._targets():
            if entry.expected is None and entry.actual is not None:
                entry.expected, entry.actual, entry.confidence = entry.actual, None, 0.8
        self.told = set()

    def _switch(self, mode: Mode) -> None:
        self.mode, self.marked, self.age, self.aside, self.toggled = mode, True, -1, False, False
        self.denied, self.refuted, self.spoiled = STALE, False, False

    def _verdict(self, cue: Cue, at: int) -> None:
        """It fails, is rejected, is accepted; with which exception may follow."""
        self.age = -1
        if self.toggled or self.aside:
            return
        negated = self.denied <= 2
        if cue is Cue.ACCEPT and negated and self.mode is Mode.ACTUAL:
            for entry in self._targets():
                entry.complained = True
            return
        fails = (cue is not Cue.ACCEPT) != negated
        if not fails and self.mode is Mode.ACTUAL and self.tokens[at].low in WORKING:
            self._record(self._targets(), Mode.ACTUAL, Accepts(), True)  # it works: so it must go on to
            return
        self._tell(self._targets(), Raises() if fails else Accepts(), at)

    # --- Atoms --------------------------------------------------------------------------------------------

    def _atom(self, at: int) -> tuple[Atom, int]:
        """What stands at a token, and where it ends."""
        token = self.tokens[at]
        match token.type:
            case Type.CODE:
                atom = self.vocabulary.atom(token.text)
                if isinstance(atom, NothingAtom) and self._stands_for_text(token):
                    atom = Text(text=token.text)
                return (self._message(atom, at + 1)) if isinstance(atom, Raises) else (atom, at + 1)
            case Type.CALL:
                return self.vocabulary.atom(token.text, running=True), at + 1
            case Type.QUOTE:
                return Text(text=token.text), at + 1
            case Type.LITERAL:
                return Value(source=token.text, spoken=token.text), at + 1
            case _:
                return self._word(at)

    def _stands_for_text(self, token: Token) -> bool:
        """Whether code that means nothing by itself is what was printed: "I get `hello_world`"."""
        if self.last_cue is Cue.RESULT:
            return self._fresh(3)
        return (
            self._fresh(1)
            and self.last_cue in (Cue.ACTUAL, Cue.EXPECT, Cue.INSTEAD)
            and not self.vocabulary.names.binding(token.text)[0]
        )

    def _word(self, at: int) -> tuple[Atom, int]:
        token = self.tokens[at]
        name = token.text.rpartition(".")[2]
        if self.vocabulary.is_exception(name):
            found = exception(token.text)
            return self._message(found or Raises(exceptions=(name,)), at + 1)
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if token.low == "empty" and following is not None:
            kind = EMPTY_KINDS.get(following.low) or EMPTY_KINDS.get(following.text.strip("`").lower())
            return (Empty(kind=kind), at + 2) if kind else (NothingAtom(), at + 1)
        value = self.vocabulary.spoken(token.text)
        return (value or NothingAtom()), at + 1

    def _message(self, error: Raises, at: int) -> tuple[Raises, int]:
        """The exception with the message that follows it after a colon or in brackets."""
        if error.message or at >= len(self.tokens) or self.tokens[at].text not in (":", "("):
            return error, at
        closing = ")" if self.tokens[at].text == "(" else ""
        end = at + 1
        while end < len(self.tokens):
            token = self.tokens[end]
            if token.text == closing or (
                not closing and (token.text in (",", "(", ";") or token.low in MESSAGE_STOPS)
            ):
                break
            end += 1
        message = self.sentence.raw(at + 1, end).strip(' .`"')
        return Raises(exceptions=error.exceptions, message=message[:200]), end + bool(closing)

    def _fresh(self, limit: int) -> bool:
        return self.age <= limit and not self.aside

    # --- Subjects -----------------------------------------------------------------------------------------

    def _targets(self) -> list[Entry]:
        return self.group or self.ledger.last

    def _call(self, atom: CallAtom, at: int, end: int) -> int:
        as_value = self.group and self._fresh(2) and self.last_cue in (Cue.RESULT, Cue.LIKE, Cue.INSTEAD)
        if as_value and (self.like or atom.constructor or self.mode is Mode.EXPECTED):
            same = Like(source=atom.subject.source, imports=atom.subject.imports)
            self._tell(self.group, same, at)
            return end
        entry = self.ledger.entry(atom.subject)
        if entry is None:
            return end
        if atom.constructor and self._targets() == [entry] and self._wished(2):
            shown = Text(text=self.tokens[at].text, via="repr")  # `Ratio(1, 2)` should show as `Ratio(1, 2)`
            self._record([entry], Mode.EXPECTED, shown, False)
            return end
        if not (self.group and not self.told and self._joined(at)):
            self.group = []
            self.told = set()
        self._add(entry)
        self.subject_end = end - 1
        self.denied = STALE
        return end

    def _wished(self, limit: int) -> bool:
        """Whether a result that ought to be is just about to be named."""
        return (
            self.mode is Mode.EXPECTED
            and self._fresh(limit)
            and self.marked
            and Mode.EXPECTED not in self.told
        )

    def _joined(self, at: int) -> bool:
        """Whether only "and", "or", commas stand between the last subject and this place."""
        between = self.tokens[self.subject_end + 1 : at]
        return self.subject_end >= 0 and all(one.low in JOINERS or one.text in "()" for one in between)

    def _add(self, entry: Entry) -> None:
        if entry not in self.group:
            self.group.append(entry)
        if entry not in self.seen:
            self.seen.append(entry)

    def _change(self, atom: Change, at: int) -> None:
        """A change of the subjects spoken of: further subjects, or the ones meant from here on."""
        bases = self._targets()
        if isinstance(atom, KeywordAtom | AttributeAtom) or atom.right:
            bases = bases[-1:] if self.group else bases[:1]
        made = [entry for base in bases if (entry := self._changed(base, atom)) is not None]
        if not made:
            return
        if self.last_outcome is not None and self.told and (self.also or self._joined(at)):
            mode, outcome = self.last_outcome
            self._record(made, mode, outcome, False)
            return
        if (
            not self.told
            and self.group
            and (self._joined(at) or (isinstance(atom, OperatorAtom) and atom.right))
        ):
            for entry in made:
                self._add(entry)
        else:
            self.group, self.told = made, set()
            self.seen.extend(made)
        self.subject_end = at
        self.age = min(self.age, 4)

    def _changed(self, base: Entry, atom: Change) -> Entry | None:
        source = changed(base.subject, atom, self.vocabulary.names)
        return None if source is None else self.ledger.entry(variant(base.subject, source))

    # --- Outcomes -----------------------------------------------------------------------------------------

    def _values(self, at: int) -> int:
        """A value, or several joined by "and": one for each subject, or with its own ("False for f(2)")."""
        limit = FRESH_CODE if self.tokens[at].type is Type.CODE else FRESH_WORD
        if self.tokens[at].type is Type.WORD and self.strangers:
            self.age = STALE  # "gives microsecond 851": that is not the whole result
            self.spoiled = True
        if not self._fresh(limit) or (self.spoiled and self.tokens[at].type is Type.WORD):
            return self._atom(at)[1]
        found: list[Outcome] = []
        end = at
        while end < len(self.tokens):
            atom, after = self._atom(end)
            if not isinstance(atom, Value | Text | Empty):
                break
            own, behind = self._own_subject(after)
            if own is not None:
                self._assign(found, at)
                self._tell([own], atom, at)
                self.age = -1
                return behind
            found.append(atom)
            end = after
            joined = end
            while joined < len(self.tokens) and self.tokens[joined].low in JOINERS:
                joined += 1
            if joined == end or joined >= len(self.tokens) or self._phrase(joined)[1]:
                break
            end = joined
        self._assign(found, at)
        return max(end, at + 1)

    def _assign(self, found: list[Outcome], at: int) -> None:
        targets = self._targets()
        mode = self._mode()
        if not found:
            return
        if self.like:
            self._alike(found[0])
        elif len(found) == 1 and mode not in self.told:
            self._tell(targets, found[0], at)
        elif len(found) == len(targets):
            toggled = self.toggled
            for entry, outcome in zip(list(targets), found, strict=True):
                self.toggled = toggled
                self._tell([entry], outcome, at)

    def _own_subject(self, at: int) -> tuple[Entry | None, int]:
        """The subject that a value is said to belong to: "… for `f(2)`", "… with gnu=True"."""
        end = at
        seen = False
        while end < len(self.tokens) and self.tokens[end].low in PREPOSITIONS | FILLERS and end < at + 4:
            seen |= self.tokens[end].low in PREPOSITIONS
            end += 1
        if not seen or end >= len(self.tokens) or self.tokens[end].type not in (Type.CODE, Type.CALL):
            return None, at
        atom, after = self._atom(end)
        match atom:
            case CallAtom(subject=subject):
                entry = self.ledger.entry(subject)
            case KeywordAtom() | OperatorAtom() | AttributeAtom():
                bases = self._targets()
                entry = self._changed(bases[0], atom) if bases else None
            case _:
                return None, at
        if entry is not None and entry not in self.seen:
            self.seen.append(entry)
        return entry, after

    def _raises(self, error: Raises) -> None:
        targets = self._targets()
        if self.aside:
            return
        mode, denied = self._mode(), self.denied <= 4 and self.denied > -2
        if not targets and mode is Mode.ACTUAL:
            self.ledger.orphans.append((error, self.quote))
        elif denied and mode is Mode.EXPECTED:
            self._record(targets, Mode.ACTUAL, error, False)
            self._record(targets, Mode.EXPECTED, Accepts(), False)
        elif denied:
            self._record(targets, Mode.ACTUAL, Accepts(), False)
            self._record(targets, Mode.EXPECTED, error, False)
        else:
            self._record(targets, mode, error, self._guarded(mode))
        self.toggled = False

    def _alike(self, value: Outcome) -> None:
        """ "should count as 1": the same as for the subject with that value in the place spoken of."""
        self.like = False
        if self.mode is not Mode.EXPECTED or not isinstance(value, Value):
            return
        words = {token.low.strip("`") for token in self.tokens}
        for entry in list(self._targets()):
            other: Like | None = None
            for name in attributes(entry.subject):
                if name in words or any(name in word for word in words):
                    plain = value.source.strip("'\"")
                    other = other or like(entry.subject, with_attribute(entry.subject, name, plain))
            for token in self.tokens[:1]:
                spoken = self.vocabulary.spoken(token.text.strip("`"))
                if spoken is not None:
                    other = other or like(
                        entry.subject, with_literal(entry.subject.source, spoken.source, value.source)
                    )
            if other is not None:
                self._record([entry], Mode.EXPECTED, other, False)

    def _mode(self) -> Mode:
        if not self.toggled:
            return self.mode
        return Mode.ACTUAL if self.mode is Mode.EXPECTED else Mode.EXPECTED

    def _guarded(self, mode: Mode, at: int = 0) -> bool:
        guard = self.guards[at] if at < len(self.guards) else ""
        return guard == "is" if mode is Mode.ACTUAL else guard == "still"

    def _tell(self, entries: Sequence[Entry], outcome: Outcome, at: int) -> None:
        mode = self._mode()
        self.toggled = False
        if isinstance(outcome, Value) and self.rounded:
            outcome = Value(source=outcome.source, spoken=outcome.spoken, rounded=True)
        verdict = isinstance(outcome, Raises | Accepts)
        if self.denied <= 3 and isinstance(outcome, Value) and not verdict:
            if mode is Mode.EXPECTED:
                self._record(entries, Mode.ACTUAL, outcome, False)
                outcome = Unlike(value=outcome)
            mode = Mode.EXPECTED
        self._record(entries, mode, outcome, self._guarded(mode, at))

    def _record(self, entries: Sequence[Entry], mode: Mode, outcome: Outcome, guard: bool) -> None:
        if self.unmarked_is_weak and not self.marked and not isinstance(outcome, Raises | Accepts):
            for entry in entries:
                entry.weak = entry.weak or outcome
            return
        if not entries:
            if self.tokens[-1].text == ":":
                self.prose.pending.append((mode, outcome, self.quote))
            return
        self.ledger.tell(entries, mode, outcome, self.quote, guard=guard)
        self.told.add(mode)
        self.last_outcome = (mode, outcome)
        self.touched.extend(entry for entry in entries if entry not in self.touched)

    def _finish(self) -> None:
        spoken_of = self.touched or self.seen
        if self.hoping and Mode.EXPECTED not in self.told:
            for entry in spoken_of or self.ledger.last:
                entry.hoped = True
                if not spoken_of and self.quote not in entry.quotes:
                    entry.quotes.append(self.quote)
        if self.seen or self.touched:
            order = {id(entry): at for at, entry in enumerate((*self.seen, *self.touched))}
            found = {id(entry): entry for entry in (*self.touched, *self.seen)}
            self.ledger.last = sorted(found.values(), key=lambda entry: order[id(entry)])
            for entry in self.ledger.last:
                if self.quote not in entry.quotes:
                    entry.quotes.append(self.quote)
