"""Puts a fault of a shared module (cache, rope_utils, a port that others build on) into the port's own copy.

The faulty definition travels as text at the end of the port and changes the imported module in place: plain
functions and methods get new code, so that whoever imported them before sees it too.
"""

from __future__ import annotations

import ast

_TAIL = """

# A single fault in mlx_lm/models/{name}.py, put in by mlxport's mutants.
def _put_in(name, source, target):
    import importlib
    import sys
    import types

    module = importlib.import_module(name)
    fresh = dict(module.__dict__)
    exec(compile(source, module.__file__, "exec"), fresh)
    old, new = module.__dict__[target], fresh[target]

    def code(one, other):
        one.__code__ = other.__code__
        one.__defaults__ = other.__defaults__
        one.__kwdefaults__ = other.__kwdefaults__

    if isinstance(old, type):
        for key, value in vars(new).items():
            kept = vars(old).get(key)
            if isinstance(kept, types.FunctionType) and isinstance(value, types.FunctionType):
                code(kept, value)
            elif isinstance(kept, property):
                for one, other in ((kept.fget, value.fget), (kept.fset, value.fset)):
                    if one is not None:
                        code(one, other)
            elif isinstance(kept, (classmethod, staticmethod)):
                code(kept.__func__, value.__func__)
    elif isinstance(old, types.FunctionType):
        code(old, new)
    else:  # a compiled function: whoever holds it gets the new one
        for holder in [m for n, m in list(sys.modules.items()) if n.startswith("mlx_lm.models.")]:
            for key, value in list(vars(holder).items()):
                if value is old:
                    setattr(holder, key, new)
        for key, value in list(globals().items()):
            if value is old:
                globals()[key] = new


_put_in({module!r}, {source!r}, {target!r})
"""


def with_swapped(port: str, shared: str, right: str, faulty: str) -> str:
    """`port`, and after it the one definition in which `right` and `faulty`, texts of `shared`, differ."""
    before, after = _definitions(right), _definitions(faulty)
    changed = [name for name in after if before.get(name) != after[name]]
    if len(changed) != 1:
        raise ValueError(f"a fault in {shared} must be inside one class or function, not {changed}")
    tail = _TAIL.format(
        name=shared, module=f"mlx_lm.models.{shared}", source=after[changed[0]], target=changed[0]
    )
    return port.rstrip("\n") + "\n" + tail


def _definitions(text: str) -> dict[str, str]:
    lines = text.splitlines(keepends=True)
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found[node.name] = "".join(lines[first - 1 : node.end_lineno])
    return found
