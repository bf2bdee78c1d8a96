"""What code from an issue may do in a test that will be proposed to a repository.

Anybody can write an issue, and a test runs with the maintainers' rights once it is in their pull request. So
code from an issue may compute and call the repository's own library, and nothing else: no other process, no
network, no file, no reach into the interpreter. The sandbox does not need this; who merges does.
"""

from __future__ import annotations

import ast
import sys

from agent.builtin.reproduction.lexicon import words

ALLOWED_MODULES = words("""
    __future__ abc array asyncio base64 bisect calendar collections contextlib copy csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq html inspect io ipaddress
    itertools json locale logging math numbers operator pathlib pprint random re statistics string
    struct textwrap time types typing unicodedata unittest uuid warnings weakref xml zoneinfo pytest
""")
DENIED_THIRD_PARTY = words("""
    requests httpx urllib3 aiohttp paramiko boto3 botocore psutil fabric docker git pip setuptools
    pexpect sh invoke websockets grpc twisted tornado
""")
DENIED_NAMES = words("""
    eval exec compile __import__ open input breakpoint globals locals vars exit quit __builtins__
    __loader__ __spec__ delattr memoryview help
""")
DENIED_ATTRIBUTES = words("""
    system popen spawn fork execv unlink rmdir rmtree write_text write_bytes chmod symlink_to
    hardlink_to mkdir read_text read_bytes expanduser create_subprocess_exec
    create_subprocess_shell open_connection start_server f_globals gi_frame tb_frame cr_frame
    create_connection subprocess_exec subprocess_shell modules
""")
HARMLESS_DUNDERS = words("""
    __name__ __doc__ __class__ __len__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __repr__
    __str__ __bool__ __contains__ __iter__ __next__ __getitem__ __setitem__ __delitem__ __enter__
    __exit__ __call__ __init__ __post_init__ __add__ __radd__ __sub__ __mul__ __truediv__ __or__
    __and__ __xor__ __neg__ __abs__ __int__ __float__ __index__ __bytes__ __format__ __reversed__
    __slots__ __all__ __version__ __main__ __new__ __get__ __set__ __copy__ __deepcopy__ __await__
    __aenter__ __aexit__ __aiter__ __anext__ __annotations__ __wrapped__ __cause__ __context__
    __notes__ __html__ __path__ __fspath__ __match_args__
""")


def objection(tree: ast.AST, trusted: frozenset[str]) -> str:
    """Why a piece of code is not taken into a test; empty when it is.

    ``trusted`` are top-level modules that the repository is or uses.
    """
    for node in ast.walk(tree):
        reason = _objection(node, trusted)
        if reason:
            return reason
    return ""


def _objection(node: ast.AST, trusted: frozenset[str]) -> str:
    match node:
        case ast.Import(names=names):
            return next(filter(None, (_module(alias.name, trusted) for alias in names)), "")
        case ast.ImportFrom(module=module, level=level):
            return "it imports relatively" if level else _module(module or "", trusted)
        case ast.Name(id=name) if name in DENIED_NAMES:
            return f"it uses {name}"
        case ast.Attribute(attr=name) if name in DENIED_ATTRIBUTES:
            return f"it uses .{name}"
        case ast.Attribute(attr=name) if name.startswith("__") and name not in HARMLESS_DUNDERS:
            return f"it reaches into the interpreter by {name}"
        case ast.Name(id=name) if name.startswith("__") and name not in HARMLESS_DUNDERS:
            return f"it reaches into the interpreter by {name}"
        case ast.While(test=ast.Constant()):
            return "it loops for ever"
        case ast.Call(func=ast.Name(id="getattr" | "setattr"), args=[_, second, *_]) if not (
            isinstance(second, ast.Constant)
            and str(second.value).isidentifier()
            and "__" not in str(second.value)
        ):
            return "it picks an attribute by a computed name"
        case _:
            return ""


def _module(name: str, trusted: frozenset[str]) -> str:
    top = name.split(".")[0]
    if top in ALLOWED_MODULES and name != "xml.sax":
        return ""
    if top in trusted and top not in sys.stdlib_module_names and top not in DENIED_THIRD_PARTY:
        return ""
    return f"it imports {top}"
