"""Exported programs (torch.export, .pt2): read after every part that could run a stranger's code is refused or removed.

`torch.export.load` unpickles example inputs, constants and custom objects, evaluates the texts of symbolic sizes, looks
operators up by any path of attributes, and writes names and guards into the source of a function. So the archive is
taken apart first: what is pickled is left out, and what remains may consist of plain operators, names and numbers only.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from explorer.errors import SubjectError

PLAIN = re.compile(r"[A-Za-z0-9_.]*")
OPERATOR = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
_SCALARS = ("getitem", "add", "sub", "mul", "floordiv", "mod", "neg", "truediv", "ge", "gt", "le", "lt", "eq", "ne")
SCALAR_OPERATORS = frozenset(
    [f"_operator.{name}" for name in _SCALARS]
    + [f"torch.sym_{name}" for name in ("int", "float", "max", "min", "not")]
    + [f"math.{name}" for name in ("ceil", "floor", "trunc")]
)
UNSAFE = frozenset({"from_file"})
"""Operators that reach beyond their arguments."""
DISPATCHED = frozenset(torch._C._dispatch_get_all_op_names())
"""Operators on tensors. The interpreter of TorchScript has others in the same place, such as one that saves a file."""
CODE = frozenset({"as_custom_obj", "as_operator", "as_graph"})
"""Arguments that are objects, functions or graphs of their own."""
SYMBOLS = frozenset(
    ["Symbol", "Integer", "Rational", "Add", "Mul", "Mod", "Max", "Min", "FloorDiv", "CleanDiv", "PythonMod"]
)
SPECS = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict"})
SAMPLES = "data/sample_inputs/model.pt"
CONFIGS = {"weights": "weight_", "constants": "tensor_"}
REMEDY = "Name a function that returns the network instead, and add --weights."


class ExportedProgram(nn.Module):
    """An exported program as a network: in the mode in which it was exported, whatever mode is asked for."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, inputs: Tensor) -> Any:
        """Run the program."""
        return self.program(inputs)

    def train(self, mode: bool = True) -> ExportedProgram:
        """Has no effect: the mode is part of the program."""
        self.training = mode
        return self


def load_exported(path: Path) -> ExportedProgram:
    """The network of a .pt2 file.

    Raises:
        SubjectError: the file is missing, damaged, or holds anything but plain operators and tensors.
    """
    if not path.is_file():
        raise SubjectError(f"expected an exported program in {path}, found no such file. Check the path.")
    try:
        program = torch.export.load(io.BytesIO(_vetted(path)))
        return ExportedProgram(program.module(check_guards=False))
    except SubjectError:
        raise
    except Exception as error:
        raise SubjectError(
            f"the exported program {path} cannot be read: {type(error).__name__}: {error}. Export it again, with this "
            "version of torch and a dynamic first axis."
        ) from error


def _vetted(path: Path) -> bytes:
    """The archive anew, with what is safe in it."""
    clean = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(clean, "w") as written:
        members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
        if "models/model.json" not in members or any(
            one.compress_type != zipfile.ZIP_STORED for one in members.values()
        ):
            raise SubjectError(f"expected one exported program in {path}, found another kind of archive. {REMEDY}")
        kept = {name: archive.read(members[name]) for name in ("archive_format", "archive_version") if name in members}
        kept |= {name: archive.read(members[name]) for name in ("byteorder", ".data/version") if name in members}
        kept["models/model.json"] = _program(json.loads(archive.read(members["models/model.json"])), path)
        for folder, prefix in CONFIGS.items():
            name = f"data/{folder}/model_{folder}_config.json"
            config = json.loads(archive.read(members[name]))["config"]
            _check(dict.fromkeys(config), "", path)
            files = {entry["path_name"] for entry in config.values()}
            for entry in config.values():
                _check_tensor(entry, prefix, path)
            kept |= {f"data/{folder}/{file}": archive.read(members[f"data/{folder}/{file}"]) for file in files}
            kept[name] = json.dumps({"config": config}).encode()
        kept[SAMPLES] = b""
        for name, content in kept.items():
            written.writestr(f"model/{name}", content)
    return clean.getvalue()


def _program(told: dict[str, Any], path: Path) -> bytes:
    graph = told["graph_module"]
    for node in graph["graph"]["nodes"]:
        node["metadata"] = {}
    graph["metadata"] = {}
    told["guards_code"] = []
    version = told.pop("torch_version", "")
    _check(told, "", path)
    return json.dumps({**told, "torch_version": version if re.fullmatch(r"[\w.+]*", version) else ""}).encode()


def _check(value: Any, key: str, path: Path) -> None:
    """Refuse whatever is not known to be harmless, at any depth."""
    if isinstance(value, dict):
        for name, one in value.items():
            if name in CODE or not PLAIN.fullmatch(name):
                raise _refused(path, name)
            _check(one, name, path)
    elif isinstance(value, list):
        for one in value:
            _check(one, key, path)
    elif isinstance(value, str):
        is_safe = {
            "target": _is_operator,
            "expr_str": _is_size,
            "in_spec": lambda text: _is_spec(json.loads(text)[1]),
            "out_spec": lambda text: _is_spec(json.loads(text)[1]),
            "as_string": lambda text: True,
        }.get(key, PLAIN.fullmatch)
        if not is_safe(value):
            raise _refused(path, value)


def _is_operator(name: str) -> bool:
    found = OPERATOR.fullmatch(name)
    if found is None:
        return name in SCALAR_OPERATORS
    name = f"aten::{found[1]}" if found[2] == "default" else f"aten::{found[1]}.{found[2]}"
    if found[1] in UNSAFE or name not in DISPATCHED:
        return False
    packet = getattr(torch.ops.aten, found[1], None)
    is_packet = isinstance(packet, torch._ops.OpOverloadPacket)
    return is_packet and isinstance(getattr(packet, found[2], None), torch._ops.OpOverload)


def _is_size(text: str) -> bool:
    """Whether a text is arithmetic of sizes and nothing else, such as `2*Symbol('s3', positive=True)`."""
    allowed = (
        ast.Expression,
        ast.BinOp,
        ast.UnaryOp,
        ast.Add,
        ast.Sub,
        ast.Mult,
        ast.FloorDiv,
        ast.Mod,
        ast.unaryop,
        ast.keyword,
        ast.expr_context,
    )
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Call):
            is_safe = isinstance(node.func, ast.Name)
        elif isinstance(node, ast.Name):
            is_safe = node.id in SYMBOLS or bool(re.fullmatch(r"[su]\d+", node.id))
        elif isinstance(node, ast.Constant):
            is_safe = not isinstance(node.value, str) or bool(re.fullmatch(r"[su]\d+", node.value))
        else:
            is_safe = isinstance(node, allowed)
        if not is_safe:
            return False
    return True


def _is_spec(spec: dict[str, Any]) -> bool:
    context = spec.get("context")
    names = json.loads(context) if isinstance(context, str) else context
    is_plain = names is None or (
        isinstance(names, list) and all(isinstance(name, str) and PLAIN.fullmatch(name) for name in names)
    )
    return spec.get("type") in SPECS and is_plain and all(map(_is_spec, spec.get("children_spec", [])))


def _check_tensor(entry: dict[str, Any], prefix: str, path: Path) -> None:
    name, meta = entry["path_name"], entry["tensor_meta"]
    if entry["use_pickle"] or not re.fullmatch(rf"{prefix}\d+", name) or meta is None:
        raise SubjectError(
            f"{path} holds the pickled object {name}, expected plain tensors: reading it could run a stranger's code. "
            f"{REMEDY}"
        )
    # A tensor may say that it is larger than its file, by repeating it.
    if math.prod(size["as_int"] for size in meta["sizes"]) > path.stat().st_size:
        raise SubjectError(f"{path} may hold tensors as large as itself, found a larger one, {name}. {REMEDY}")
    _check(meta, "", path)


def _refused(path: Path, found: str) -> SubjectError:
    return SubjectError(
        f"an exported program may consist of plain operators (torch.ops.aten) and tensors, found {found[:80]!r} in "
        f"{path}. {REMEDY}"
    )
