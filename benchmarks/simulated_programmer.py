"""A programmer of stated ability behind an OpenAI-compatible endpoint: it measures the search, not a model.

It reads the prompts that a model is sent and answers in the forms that a model is asked for. From a prompt it
takes what a model would: the problem (by its title), the current code, which tests fail, the feedback and the
outline. What it then does is drawn by chance, by its :class:`Ability`. Drafts and sites carry names in what
it writes (``d012``, ``[site 2]``), so that it knows them again: they are its memory, no help for the search.

The same seed and the same prompt give the same answer. Asked the same again it answers otherwise, as a model
does at a temperature above zero.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.simulated_tasks import Knowledge, Known
from benchmarks.simulated_variants import Draft, named

Json = dict[str, Any]
RIGHT, WRONG, VACUOUS = "right", "wrong", "vacuous"
WEIGHTS = {"implementer": 3, "debugger": 4, "architect": 4, "test designer": 1}
ON_A_STUB = {**WEIGHTS, "implementer": 4, "debugger": 1}  # there is nothing to debug yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """Probabilities. A *lift* is the share of what is left to certainty: 0.35 with a lift of 0.5 is 0.675."""

    edit: float = 0.35  # that a site is written right, or that a repair mends one
    feedback: float = 0.7  # that an explanation names a fault that is there
    feedback_lift: float = 0.5  # of a repair that was told of its fault
    outline: float = 0.6  # that an outline is sound
    outline_lift: float = 0.3  # of code written from a sound one
    test: float = 0.75  # that a test expects what is right
    vacuous: float = 0.6  # that a test that does not is vacuous rather than wrong
    confidence: float = 0.6  # that a stated confidence tells right from wrong; else it is noise
    decision: float = 0.8  # that a decision is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a prompt says. ``draft`` None: the code is still the stub."""

    knowledge: Knowledge
    draft: Draft | None
    turn: str
    action: str  # the words of the action to work out
    told: frozenset[int]  # sites that the feedback or the action names
    sound: bool  # an outline that is sound
    tried: frozenset[str]  # drafts that were tried here before

    @property
    def faults(self) -> tuple[int, ...]:
        return tuple(site for site, way in enumerate(self.draft or ()) if way)


class Programmer:
    """Answers prompts; thread-safe. ``answer`` is what a scripted server's function calls."""

    def __init__(self, known: Mapping[str, Knowledge], ability: Ability, seed: int) -> None:
        self._known = known
        self._ability = ability
        self._seed = seed
        self._asked: dict[str, list[str]] = {}
        self._guard = threading.Lock()
        self._forms: Mapping[str, Callable[[Seen, random.Random], Json]] = {
            "Proposals": self._proposals,
            "OutlineReply": self._outline,
            "EditsReply": self._edits,
            "RepairReply": self._repair,
            "DesignReply": self._tests,
            "Verdict": self._verdict,
            "Explanations": self._explanations,
        }

    def answer(self, form: str, prompt: str, key: str = "") -> Json:
        """``key`` is the same when a request is sent again (an idempotency key): so is the answer."""
        if form not in self._forms:
            raise LookupError(f"this programmer does not know the form {form!r}")
        digest = hashlib.sha256(f"{form}\0{prompt}".encode()).hexdigest()
        with self._guard:
            keys = self._asked.setdefault(digest, [])
            if not key or key not in keys:
                keys.append(key)
            number = len(keys) - 1 if not key else keys.index(key)
        return self._forms[form](self._read(prompt), random.Random(f"{self._seed} {digest} {number}"))

    def _read(self, prompt: str) -> Seen:
        title = next((each for each in re.findall(r"Implement \w+", prompt) if each in self._known), None)
        if title is None:
            raise LookupError(f"no problem that it knows: {prompt[:300]!r}")
        code = re.findall(r"# draft d(\d+)", _section(prompt, "Code in its current state"))
        action = _section(prompt, "The action to work out") or _line(prompt, "Action of the ")
        feedback = _section(prompt, "Feedback on the failing tests")
        return Seen(
            knowledge=self._known[title],
            draft=_draft(code[-1]) if code else None,
            turn=prompt,
            action=action,
            told=frozenset(map(int, re.findall(r"\[site (\d)\]", feedback + action))),
            sound="[sound]" in _section(prompt, "Outline"),
            tried=frozenset(re.findall(r"\[(d\d+)\]", _section(prompt, "What was done and tried before"))),
        )

    # --- The policy -----------------------------------------------------------------------------------------

    def _proposals(self, seen: Seen, chance: random.Random) -> Json:
        possible = re.findall(r"`([^`]+)`", _line(seen.turn, "Possible now:"))
        wanted = int(_line(seen.turn, "Propose ").split()[1])
        weights = ON_A_STUB if seen.draft is None else WEIGHTS
        actions: dict[str, Json] = {}
        for _ in range(4 * wanted):
            if len(actions) == wanted:
                break
            skill = chance.choices(possible, [weights[each] for each in possible])[0]
            summary, good = self._idea(skill, seen, chance)
            if summary not in actions and not set(re.findall(r"\[(d\d+)\]", summary)) & seen.tried:
                actions[summary] = {
                    "skill": skill,
                    "summary": summary,
                    "path": seen.knowledge.path,
                    "symbol": seen.knowledge.entry,
                    "line": None,
                    "confidence": self._confidence(good, chance),
                }
        return {"actions": list(actions.values())}

    def _idea(self, skill: str, seen: Seen, chance: random.Random) -> tuple[str, bool]:
        """What to do, and whether it is right to do it."""
        match skill:
            case "implementer":
                draft = self._written(seen, chance)
                return f"Write {seen.knowledge.entry} anew [{named(draft)}].", _better(draft, seen)
            case "debugger" if (wrong := _wrong_test(seen)) and chance.random() < self._ability.edit:
                return f"Mark the test {wrong} as wrong [wrong test {wrong}].", True
            case "debugger":
                draft = self._mended(seen, chance)
                return f"Change the faulty lines [{named(draft)}].", _better(draft, seen)
            case "architect":
                sound = chance.random() < self._ability.outline
                return f"Outline approach {chance.randrange(100)} [{'sound' if sound else 'poor'}].", sound
            case _:
                return f"Test {seen.knowledge.entry} on inputs of kind {chance.randrange(100)}.", True

    def _written(self, seen: Seen, chance: random.Random) -> Draft:
        """From nothing: each site by itself."""
        ability = self._ability
        right = _lifted(ability.edit, ability.outline_lift if seen.sound else 0.0)
        return tuple(
            0 if chance.random() < right else chance.randint(1, len(site.ways))
            for site in seen.knowledge.variants.sites
        )

    def _mended(self, seen: Seen, chance: random.Random) -> Draft:
        """One fault less; or one site wrong in another way than now."""
        if seen.draft is None:
            return self._written(seen, chance)
        named_faults = [site for site in seen.faults if site in seen.told]
        right = _lifted(self._ability.edit, self._ability.feedback_lift if named_faults else 0.0)
        if seen.faults and chance.random() < right:
            return _with(seen.draft, chance.choice(named_faults or seen.faults), 0)
        changes = [
            (site, way)
            for site, each in enumerate(seen.knowledge.variants.sites)
            for way in range(1, len(each.ways) + 1)
            if seen.draft[site] != way
        ]
        return _with(seen.draft, *chance.choice(changes)) if changes else seen.draft

    def _confidence(self, good: bool, chance: random.Random) -> int:
        if chance.random() >= self._ability.confidence:
            return chance.randint(5, 95)
        return chance.randint(55, 95) if good else chance.randint(5, 55)

    # --- The skills -----------------------------------------------------------------------------------------

    def _outline(self, seen: Seen, chance: random.Random) -> Json:
        said = re.search(r"\[(sound|poor)\]", seen.action)
        sound = said[1] == "sound" if said else chance.random() < self._ability.outline
        place = {"path": seen.knowledge.path, "symbol": seen.knowledge.entry, "line": None}
        return {
            "reasoning": "The function is not implemented.",
            "targets": [{**place, "reason": "not implemented"}],
            "approach": f"Implement it as its description says [{'sound' if sound else 'poor'}].",
            "steps": ["Write the function."],
            "expectation": "The tests pass.",
        }

    def _edits(self, seen: Seen, chance: random.Random) -> Json:
        draft = _chosen(seen) or self._written(seen, chance)
        edit = {
            "reasoning": "The description asks for it.",
            "kind": "rewrite",
            "path": seen.knowledge.path,
            "symbol": seen.knowledge.entry,
            "passage": None,
            "text": seen.knowledge.variants.source(draft),
        }
        return {"edits": [edit], "expectation": "The tests pass."}

    def _repair(self, seen: Seen, chance: random.Random) -> Json:
        wrong = re.search(r"\[wrong test (\S+)\]", seen.action)
        said: Json = {"bug_class": "boundary", "explanation": "A value is off.", "expectation": "Tests pass."}
        if wrong is not None:
            return {**said, "edits": [], "wrong_test": {"path": wrong[1], "reason": "It expects otherwise."}}
        knowledge = seen.knowledge
        draft = _chosen(seen) or self._mended(seen, chance)
        old = knowledge.stub if seen.draft is None else knowledge.variants.source(seen.draft)
        edit = {
            "reasoning": "These lines are at fault.",
            "path": knowledge.path,
            "first": knowledge.line,
            "last": knowledge.line + old.count("\n") - 1,
            "expected": old,
            "replacement": knowledge.variants.source(draft),
        }
        return {**said, "edits": [edit], "wrong_test": None}

    def _tests(self, seen: Seen, chance: random.Random) -> Json:
        wanted = re.search(r"Write (\d+) to (\d+) cases", seen.turn)
        if wanted is None:  # none may be added here; none is called wrong without having seen the code
            return {"preamble": "", "cases": [], "wrong_tests": None}
        known = seen.knowledge.known
        chosen = sorted(chance.sample(range(len(known)), min(int(wanted[1]), len(known))))
        return {
            "preamble": f"from solution import {seen.knowledge.entry}",
            "cases": [self._case(seen.knowledge.entry, at, known[at], chance) for at in chosen],
            "wrong_tests": None,
        }

    def _case(self, entry: str, at: int, known: Known, chance: random.Random) -> Json:
        right = chance.random() < self._ability.test
        kind = RIGHT if right else VACUOUS if chance.random() < self._ability.vacuous else WRONG
        call = f"{entry}({known.arguments})"
        expected = {RIGHT: known.right, WRONG: known.wrong, VACUOUS: call}[kind]
        name = f"test_{entry}_{at}_{kind}"
        return {
            "name": name,
            "kind": "basic",
            "verifies": f"What {entry} gives for input {at}.",
            "quote": None,
            "code": f"def {name}():\n    assert {call} == {expected}\n",
            "expects_failure_now": True,
            "fails_with": "NotImplementedError",
        }

    # --- Decision and feedback ------------------------------------------------------------------------------

    def _verdict(self, seen: Seen, chance: random.Random) -> Json:
        good = _good_plan(_section(seen.turn, "Plan"), seen)
        use = good if chance.random() < self._ability.decision else not good
        return {"reason": "It looks right." if use else "It looks wrong.", "use": use}

    def _explanations(self, seen: Seen, chance: random.Random) -> Json:
        failing = re.findall(
            r"^(\d+)\. \S+?(right|wrong|vacuous)?$", _section(seen.turn, "Failing tests"), re.M
        )
        return {
            "explanations": [self._explanation(int(number), kind, seen, chance) for number, kind in failing]
        }

    def _explanation(self, number: int, kind: str, seen: Seen, chance: random.Random) -> Json:
        useful = chance.random() < self._ability.feedback
        text = "The value that is given differs from the one that is expected."
        if useful and kind == WRONG:
            text = "The test itself expects what the description does not say [wrong test]."
        elif useful and seen.faults:
            text = f"One expression is wrong there [site {chance.choice(seen.faults)}]."
        place = {"path": seen.knowledge.path, "symbol": seen.knowledge.entry, "line": None}
        return {
            "test": number,
            "explanation": text,
            "suspects": [{**place, "reason": "it gives the value"}],
            "confidence": self._confidence(useful, chance),
        }


# --- Reading prompts ----------------------------------------------------------------------------------------


def _section(prompt: str, title: str) -> str:
    """From its heading to the next one."""
    found = re.search(rf"^## {re.escape(title)}.*?$(.*?)(?=^## |\Z)", prompt, re.M | re.S)
    return found[1] if found else ""


def _line(prompt: str, beginning: str) -> str:
    found = re.search(rf"^{re.escape(beginning)}.*$", prompt, re.M)
    return found[0] if found else ""


def _draft(digits: str) -> Draft:
    return tuple(map(int, digits))


def _chosen(seen: Seen) -> Draft | None:
    """The draft that the action was proposed for."""
    found = re.search(r"\[d(\d+)\]", seen.action)
    return _draft(found[1]) if found else None


def _better(draft: Draft, seen: Seen) -> bool:
    """Fewer faults than now; in place of the stub, one at most."""
    return sum(map(bool, draft)) < (2 if seen.draft is None else len(seen.faults))


def _good_plan(plan: str, seen: Seen) -> bool:
    """Whether a plan is worth using: code with fewer faults, tests that expect nothing wrong, a sound
    outline, the mark of a test that is wrong."""
    drafts = re.findall(r"# draft d(\d+)", plan)
    if drafts:
        return _better(_draft(drafts[-1]), seen)
    if "[poor]" in plan:
        return False
    if "Mark the test" in plan:
        return True  # it only ever proposes marks of wrong ones
    return f"_{WRONG}(" not in plan


def _wrong_test(seen: Seen) -> str:
    """The file of a wrong test, once feedback said so and another test is left to reproduce the issue."""
    if "[wrong test]" not in _section(seen.turn, "Feedback on the failing tests"):
        return ""
    made = _section(seen.turn, "Tests made from the issue")
    files = re.findall(r'^<untrusted name="made test"[^\n]*\n(\S+)\n(.*?)^</untrusted', made, re.M | re.S)
    wrong: Sequence[str] = [path for path, content in files if f"_{WRONG}(" in content]
    return wrong[0] if wrong and len(files) > len(wrong) else ""


def _lifted(probability: float, lift: float) -> float:
    return probability + (1.0 - probability) * lift


def _with(draft: Draft, site: int, way: int) -> Draft:
    return (*draft[:site], way, *draft[site + 1 :])


def as_text(reply: Json) -> str:
    return json.dumps(reply)
