"""How the method is driven: every switch of the paper's ablations, settled once per run in its journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from agent.llm.types import Component


class Driver(StrEnum):
    """Who proposes, plans, decides and explains."""

    BUILT_IN = "built-in"  # no model, no key
    MODEL = "model"
    ESCALATE = "escalate"  # built-in first; the model when it is stuck, at line, function, file, repository
    PIPELINE = "pipeline"  # the null hypothesis: localise, sample, select (Agentless), no search


class Agreement(StrEnum):
    """How surviving candidates are ordered."""

    CODET = "codet"  # dual execution agreement: size of the cluster times the tests that it passes
    CODET_ROOT = "codet-root"  # with the root of the cluster's size, as its authors' program does
    B4 = "b4"  # its Bayesian form
    SCORE = "score"  # the policy's score only


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """``models`` maps a component to a model name; POLICY's is the default of the others (E5, G6)."""

    driver: Driver = Driver.BUILT_IN
    search: str = "hybrid depth-first"
    models: tuple[tuple[Component, str], ...] = ()
    temperatures: tuple[tuple[Component, float], ...] = ()
    temperature: float = 0.2  # G2
    top_k: int | None = None  # a decoder option, handed on when set (G3, U9)
    max_tokens: int = 1024  # of plan and action answers (G4)
    edit_tokens: int = 4096  # of answers that hold whole functions or test files
    log_probabilities: bool = True  # ask for them; endpoints without them are recognised
    feedback: str = "explanation"  # simple, unit test, explanation, trace
    agreement: Agreement = Agreement.CODET
    self_feedback: bool = True  # J2
    generated_tests: bool = True  # J16
    planner: bool = True
    decision: bool = True
    clarify: bool = True
    eager_plans: bool = False  # all K plans before the first decision (U14)
    abreast: int = 0  # proposals of a state taken up at once; 0: all K, 1: the paper to the letter (C10)
    replan: bool = False  # a plan that is not used is made anew once, knowing why (U13)
    patience: int = 60  # built-in proposals at one state before the model is asked (ESCALATE)
    language: str = ""  # of a model's explanations, which become the rationale; empty: the model's own choice
    skills: tuple[str, ...] = field(
        default=("architect", "implementer", "debugger", "test designer")
    )  # each may be switched off (J16)

    def model_of(self, component: Component) -> str:
        named = dict(self.models)
        return named.get(component) or named.get(Component.POLICY, "")

    def temperature_of(self, component: Component) -> float:
        return dict(self.temperatures).get(component, self.temperature)
