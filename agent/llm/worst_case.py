"""The most that a call may cost, known before it is made. Pure.

A tokenizer that works on bytes, or falls back to bytes, never makes more tokens of a text than it has UTF-8
bytes. The frame of a message costs a handful of tokens, a schema is rewritten by the endpoint in a form that
nobody documents: it is counted twice, once more than it has bytes. An endpoint that counts more than this
all the same is found out by its own count (agent.llm.desk).
"""

from __future__ import annotations

from agent.llm.exchange import Call, Count

OVERHEAD = 1024  # frames of two messages, and what tells an endpoint without structured outputs the form


def worst_case(call: Call) -> Count:
    sizes = (len(text.encode("utf-8", "surrogatepass")) for text in (call.system, call.user))
    prompt = sum(sizes) + 2 * len(call.form.text.encode()) + OVERHEAD
    return Count(prompt=prompt, cached=0, completion=call.max_tokens)
