"""Files, functions and nesting stay small enough to read."""

import ast

from tests.tidy.tree import check, files, functions, name_of, python_files, syntax

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
NESTING_MAX = 3

# What a reader must keep in mind; a `with` says how, not whether, and does not count.
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)


def test_files_have_at_most_500_lines() -> None:
    texts = [p for suffix in (".py", ".sql", ".graphql", ".js", ".css") for p in files(suffix)]
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in texts}
    long = {name: f"{count} lines" for name, count in lines.items() if count > FILE_LINES_MAX}
    check("file_lines", long, f"A file has at most {FILE_LINES_MAX} lines: split it by concept.")


def test_functions_have_at_most_60_lines() -> None:
    long = {}
    for path in python_files("src"):
        for name, node in functions(syntax(path)):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            if count > FUNCTION_LINES_MAX:
                long[f"{name_of(path)}:{name}"] = f"{count} lines"
    check("function_lines", long, f"A function has at most {FUNCTION_LINES_MAX} lines.")


def test_blocks_nest_at_most_3_deep() -> None:
    deep = {}
    for path in python_files("src"):
        for name, node in functions(syntax(path)):
            depth = _depth(node)
            if depth > NESTING_MAX:
                deep[f"{name_of(path)}:{name}"] = f"{depth} levels"
    check("nesting", deep, f"Blocks nest at most {NESTING_MAX} deep: give the inner ones a name.")


def _depth(node: ast.AST) -> int:
    """Return how deep blocks nest below a node; `elif` is no level, a function starts anew."""
    deepest = 0
    for field, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for child in children:
            if not isinstance(child, ast.AST) or isinstance(
                child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            ):
                continue
            is_elif = isinstance(node, ast.If) and field == "orelse" and isinstance(child, ast.If)
            own = isinstance(child, _BLOCKS) and not (is_elif and len(children) == 1)
            deepest = max(deepest, _depth(child) + own)
    return deepest


def test_the_depth_is_counted_right() -> None:
    """An else-if chain is one level; a nested function does not count for the outer one."""
    chain = ast.parse("if a:\n  pass\nelif b:\n  pass\nelif c:\n  for x in y:\n    pass\n")
    assert _depth(chain) == 2
    inner = ast.parse("def f():\n  if a:\n    def g():\n      if b:\n        pass\n").body[0]
    assert _depth(inner) == 1
    deep = ast.parse(
        "for a in b:\n  with c:\n    while d:\n      try:\n        pass\n      except E:\n        pass\n"
    )
    assert _depth(deep) == 3
