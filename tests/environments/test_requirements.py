from __future__ import annotations

import pytest

from sandbox.environments import poetry
from sandbox.environments.requirements import clean, read_file


@pytest.mark.parametrize(
    ("written", "names", "extras", "dropped"),
    [
        ("attrs>=22.2.0", ("attrs>=22.2.0",), (), ()),
        ("  numpy  ", ("numpy",), (), ()),
        ("tomli; python_version < '3.11'", ('tomli; python_version < "3.11"',), (), ()),
        ("mine[fast,dev]", (), ("dev", "fast"), ()),
        ("foo @ git+https://example.org/foo", (), (), ("foo@ git+https://example.org/foo",)),
        ("--index-url x", (), (), ("--index-url x",)),
        ("", (), (), ()),
    ],
)
def test_one_requirement(
    written: str, names: tuple[str, ...], extras: tuple[str, ...], dropped: tuple[str, ...]
) -> None:
    found = clean(written, "Mine")
    assert (found.names, found.extras) == (names, extras)
    assert [each.replace(" ", "") for each in found.dropped] == [each.replace(" ", "") for each in dropped]


def test_requirement_file_with_everything_in_it(make_tree) -> None:
    tree = make_tree(
        {
            "requirements/dev.txt": """\
# a comment
--index-url https://registry.example/simple
-r base.txt
-c constraints.txt
-e .[dev, docs]
-e git+https://example.org/thing#egg=thing
./vendored
pytest==8.3.3 \\
    --hash=sha256:0000 \\
    --hash=sha256:1111
mock  # trailing
""",
            "requirements/base.txt": "six\n-r dev.txt\n",
        }
    )
    found = read_file(tree, "requirements/dev.txt")
    assert found.names == ("six", "pytest==8.3.3", "mock")
    assert found.extras == ("dev", "docs")
    assert len(found.dropped) == 2


def test_a_file_outside_the_tree_is_not_read(make_tree, tmp_path) -> None:
    (tmp_path / "secret.txt").write_text("secret-package\n")
    tree = make_tree({"requirements.txt": "-r ../secret.txt\n-r link.txt\n-r /etc/hostname\nsix\n"})
    (tree / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert read_file(tree, "requirements.txt").names == ("six",)


@pytest.mark.parametrize(
    ("written", "standard"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.3", ">=0.3,<0.4"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.4", "~=1.4"),
        (">=3.8,<4.0", ">=3.8,<4.0"),
        (">=3.8 <4.0", ">=3.8,<4.0"),
        ("1.2.*", "==1.2.*"),
        ("*", ""),
        ("^1 || ^2", ""),
        (None, ""),
    ],
)
def test_poetry_constraints(written: str | None, standard: str) -> None:
    assert poetry.specifier(written) == standard


def test_poetry_tables() -> None:
    table = {
        "python": "^3.9",
        "attrs": "^23",
        "rich": {"version": ">=13", "extras": ["jupyter"], "markers": "python_version > '3.8'"},
        "fast": {"version": "*", "optional": True},
        "local": {"path": "../local"},
        "numpy": [{"version": "1.*", "markers": "python_version < '3.12'"}, {"version": "2.*"}],
    }
    assert poetry.requirements(table) == (
        "attrs>=23,<24",
        "rich[jupyter]>=13; python_version > '3.8'",
        "local @ file:///not-from-a-registry",
        "numpy==1.*; python_version < '3.12'",
        "numpy==2.*",
    )
    assert "fast" in poetry.requirements(table, optional=True)
