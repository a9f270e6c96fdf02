"""The load check: a right port passes at full size, and each fault is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlxport_harness.errors import Failure
from mlxport_harness.load.headers import read

import headers
from client import Client

SMALL = headers.DEEPSEEK_V3 | {"n_routed_experts": 8}
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500000.0,
    "tie_word_embeddings": True,
    "vocab_size": 128256,
}


def llama(config: dict[str, Any], head: bool = False) -> headers.Tensors:
    hidden, wide, kv = config["hidden_size"], config["intermediate_size"], config["num_key_value_heads"] * 64
    found: headers.Tensors = {"model.embed_tokens.weight": ("BF16", [config["vocab_size"], hidden])}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        for name, out, into in (
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, hidden),
            ("mlp.gate_proj", wide, hidden),
            ("mlp.up_proj", wide, hidden),
            ("mlp.down_proj", hidden, wide),
        ):
            found[f"{at}.{name}.weight"] = ("BF16", [out, into])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"{at}.{norm}.weight"] = ("BF16", [hidden])
        found[f"{at}.self_attn.rotary_emb.inv_freq"] = ("F32", [32])
    found["model.norm.weight"] = ("BF16", [hidden])
    if head:
        found["lm_head.weight"] = ("BF16", [config["vocab_size"], hidden])
    return found


@pytest.fixture
def port(tmp_path: Path) -> Callable[..., Path]:
    """Upstream's port with texts replaced; each must be there."""

    def write(name: str, *changes: tuple[str, str]) -> Path:
        import mlx_lm

        text = (Path(mlx_lm.__file__).parent / "models" / f"{name}.py").read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    return write


def load(worker: Client, folder: Path, port: Path | None = None, **fields: Any) -> dict[str, Any]:
    target = {"checkpoint": str(folder), "port_path": port and str(port)}
    final = worker.run(None, check="load", target=target, **fields)[-1]
    assert final["type"] == "done", final
    return {"run": final["verdict"], **final["result"]["checks"][0]}


def texts(found: dict[str, Any], kind: str) -> list[str]:
    return [f["text"] for f in found["findings"] if f["id"] == kind]


def test_fp8_experts_are_accounted_for_one_by_one(worker, tmp_path):
    folder = headers.write(tmp_path / "v3", SMALL, headers.deepseek_v3(SMALL), shards=3)
    found = load(worker, folder)
    assert (found["verdict"], found["figure"], found["error"]) == ("pass", 0, None)
    assert texts(found, "dropped") == [
        "76 tensors dropped: model.layers.61.* (MTP layer beyond num_hidden_layers=61)."
    ]
    assert found["consumed"] + found["dropped"] == found["tensors"] == len(headers.deepseek_v3(SMALL))
    rows = {(r["source"], r["parameter"]): r["count"] for r in found["rows"]}
    experts, stacked = "model.layers.*.mlp.experts.*.up_proj", "model.layers.*.mlp.switch_mlp.up_proj.weight"
    assert rows[f"{experts}.weight", stacked] == rows[f"{experts}.weight_scale_inv", stacked] == 58 * 8
    assert found["dtypes"] == {"bfloat16": found["parameters"] - 58, "float32": 58}
    assert found["peak_mlx_bytes"] < 1 << 20


def test_deepseek_v3_as_released_is_accounted_for_in_little_memory(worker, tmp_path):
    config, tensors = headers.DEEPSEEK_V3, headers.deepseek_v3(headers.DEEPSEEK_V3)
    found = load(worker, headers.write(tmp_path / "full", config, tensors, shards=163))
    assert (found["verdict"], found["figure"]) == ("pass", 0)
    assert (found["tensors"], found["files"], found["dropped"]) == (91991, 163, 1564)
    assert found["source_bytes"] == 688_574_839_360
    assert found["peak_mlx_bytes"] < 1 << 20
    assert found["peak_rss_mb"] < 1200
    assert found["rss_growth_mb"] < 600


def test_headers_alone_and_whole_files_give_the_same(worker, tmp_path):
    tensors = llama(LLAMA)
    alone = load(worker, headers.write(tmp_path / "alone", LLAMA, tensors))
    whole = load(worker, headers.write(tmp_path / "whole", LLAMA, tensors, shards=2, weights=True))
    assert alone["verdict"] == whole["verdict"] == "pass"
    assert alone["rows"] == whole["rows"]
    assert texts(alone, "headers") == ["1 file of headers alone: no weights were read."]
    assert texts(whole, "headers") == []
    assert texts(whole, "dropped") == [
        "16 tensors dropped: model.layers.*.self_attn.rotary_emb.inv_freq "
        "(rotary frequencies, computed from the config)."
    ]


def test_a_tied_head_that_the_file_holds_is_a_named_drop(worker, tmp_path):
    found = load(worker, headers.write(tmp_path / "tied", LLAMA, llama(LLAMA, head=True)))
    assert found["verdict"] == "pass"
    assert "1 tensor dropped: lm_head.weight (head tied to the embedding (tie_word_embeddings))." in texts(
        found, "dropped"
    )


def test_packed_experts_with_their_scales_are_loaded_as_released(worker, tmp_path):
    config, tensors = headers.GPT_OSS, headers.gpt_oss(headers.GPT_OSS)
    found = load(worker, headers.write(tmp_path / "oss", config, tensors, shards=3))
    assert (found["verdict"], found["error"]) == ("pass", None)
    rows = {(r["source"], r["parameter"]): r["count"] for r in found["rows"]}
    source = "model.layers.*.mlp.experts.gate_up_proj_blocks"
    for part in ("gate_proj", "up_proj"):
        assert rows[source, f"model.layers.*.mlp.experts.{part}.weight"] == config["num_hidden_layers"]
    assert {"uint8", "uint32", "bfloat16"} == set(found["dtypes"])


DONE = "        return weights\n"
FAULTS = {
    "a key dropped in silence": (
        "llama",
        ('k: v for k, v in weights.items() if "self_attn.rotary_emb.inv_freq" not in k',
         'k: v for k, v in weights.items() if "inv_freq" not in k and "layers.3.mlp.up" not in k'),
        "missing",
        "1 parameter got no tensor: model.layers.3.mlp.up_proj.weight.",
    ),
    "a sanitize that matches too much": (
        "llama",
        ('k: v for k, v in weights.items() if "self_attn.rotary_emb.inv_freq" not in k',
         'k: v for k, v in weights.items() if "norm" not in k or "model.norm" in k'),
        "missing",
        "32 parameters got no tensor: model.layers.*.input_layernorm.weight (16), "
        "model.layers.*.post_attention_layernorm.weight (16).",
    ),
    "a sanitize that matches too little": (
        "llama",
        ('"self_attn.rotary_emb.inv_freq" not in k', '"rotary_emb.inv_freqs" not in k'),
        "unexpected",
        "16 tensors given to the strict load that no parameter has: "
        "model.layers.*.self_attn.rotary_emb.inv_freq.",
    ),
    "another shape": (
        "llama",
        ("o_proj = nn.Linear(n_heads * head_dim, dim", "o_proj = nn.Linear(n_heads * head_dim, 2 * dim"),
        "mismatch",
        "16 parameters of another shape: model.layers.0.self_attn.o_proj.weight is [2048, 2048], "
        "the model has [4096, 2048]: model.layers.*.self_attn.o_proj.weight.",
    ),
    "a parameter at its initial value": (
        "llama",
        (DONE, '        weights["model.norm.weight"] = self.model.norm.weight\n' + DONE),
        "initial",
        "1 parameter left at the initial value, or made up by sanitize: no source tensor went in: "
        "model.norm.weight.",
    ),
    "a constant made up": (
        "llama",
        (DONE, '        weights["model.norm.weight"] = mx.ones((2048,))\n' + DONE),
        "initial",
        "1 parameter left at the initial value, or made up by sanitize: no source tensor went in: "
        "model.norm.weight.",
    ),
    "a tensor without a home": (
        "llama",
        (DONE, '        weights.pop("model.layers.2.self_attn.gate", None)\n' + DONE),
        "lost",
        "1 tensor dropped without a reason that is known: model.layers.2.self_attn.gate.",
    ),
    "scales ignored": (
        "deepseek_v3",
        ("weight = dequant(weight, scale_inv)", "weight = mx.from_fp8(weight, dtype=mx.bfloat16)"),
        "scale",
        None,
    ),
    "raw bytes as weights": (
        "deepseek_v3",
        ("weight = dequant(weight, scale_inv)", "pass"),
        "packed",
        None,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    tensors = llama(LLAMA)
    odd = tensors | {"model.layers.2.self_attn.gate": ("BF16", [32])}
    return {
        "llama": headers.write(folder / "llama", LLAMA, tensors),
        "odd": headers.write(folder / "odd", LLAMA, odd),
        "deepseek_v3": headers.write(folder / "v3", SMALL, headers.deepseek_v3(SMALL)),
    }


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named(worker, checkpoints, port, name):
    model_type, change, kind, text = FAULTS[name]
    folder = checkpoints["odd" if name == "a tensor without a home" else model_type]
    found = load(worker, folder, port(model_type, change))
    assert (found["run"], found["verdict"], found["error"]["kind"]) == ("fail", "fail", "port")
    assert texts(found, kind), found["findings"]
    if text:
        assert texts(found, kind) == [text]


def test_layers_that_swap_their_tensors_are_suspect(worker, checkpoints, port):
    swap = (
        "        return weights\n",
        '        a, b = (f"model.layers.{i}.mlp.up_proj.weight" for i in (3, 4))\n'
        "        weights[a], weights[b] = weights[b], weights[a]\n        return weights\n",
    )
    found = load(worker, checkpoints["llama"], port("llama", swap))
    assert found["verdict"] == "suspect"
    assert texts(found, "crossed")[0].startswith("2 parameters made of another layer's tensors: ")


@pytest.mark.parametrize(
    "reads",
    [
        "if w.sum().item() > 0: pass",
        "if w.any(): pass",
        "w.tolist()",
        "import numpy; numpy.asarray(memoryview(w))",
    ],
)
def test_a_value_dependent_sanitize_is_trapped_at_its_line(worker, checkpoints, port, reads):
    line = f'        w = weights["model.norm.weight"].astype(mx.float32)\n        {reads}\n'
    path = port("llama", (DONE, line + DONE))
    found = load(worker, checkpoints["llama"], path, params={"settle": False})
    number = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if reads in text)
    assert found["verdict"] == "not_exercised"
    assert f"{path}:{number}" in texts(found, "value_dependent")[0]


def test_a_mere_eval_in_sanitize_is_a_finding_and_nothing_is_allocated(worker, checkpoints, port):
    path = port("llama", ("        return weights\n", "        mx.eval(weights)\n        return weights\n"))
    found = load(worker, checkpoints["llama"], path)
    assert found["verdict"] == "pass"
    assert len(texts(found, "evaluates")) == 1
    assert found["peak_mlx_bytes"] < 1 << 20


def test_what_mlx_functions_bound_early_make_is_found_in_the_graph(worker, checkpoints, port):
    changes = (
        (
            "import mlx.core as mx\n",
            "import mlx.core as mx\nimport functools\nquiet = mx.array.__dict__['astype']\n",
        ),
        (
            "        return weights\n",
            '        w = "model.norm.weight"\n        weights[w] = quiet(weights[w], mx.float32)\n'
            "        return weights\n",
        ),
    )
    found = load(worker, checkpoints["llama"], port("llama", *changes))
    assert found["verdict"] == "pass"
    assert texts(found, "unknown") == []
    rows = {(r["source"], r["parameter"]) for r in found["rows"]}
    assert ("model.norm.weight", "model.norm.weight") in rows


def test_the_port_of_deepseek_knows_only_one_number_of_layers(worker, tmp_path):
    config = SMALL | {"num_hidden_layers": 4}
    found = load(worker, headers.write(tmp_path / "short", config, headers.deepseek_v3(config)))
    assert found["verdict"] == "fail"
    assert "given to the strict load that no parameter has: model.layers.*" in texts(found, "unexpected")[0]


def _one(folder: Path) -> Path:
    return headers.write(folder, LLAMA, {"a": ("F32", [2, 3]), "b": ("U8", [5])}, weights=True)


def _text(folder: Path) -> str:
    return (folder / "model.safetensors").read_bytes()[8:].split(b"\0")[0].decode()


def _rewrite(folder: Path, old: str, new: str) -> None:
    text = _text(folder)
    assert old in text
    headers.raw(folder / "model.safetensors", text.replace(old, new).encode(), 29)


def _shards(folder: Path) -> dict[str, Any]:
    headers.write(folder, LLAMA, {"a": ("F32", [2]), "b": ("F32", [2])}, shards=2)
    return json.loads((folder / "model.safetensors.index.json").read_text())


def _break(folder: Path, how: str) -> None:
    file, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if how == "missing":
        _shards(folder)
        (folder / "model-00002-of-000002.safetensors").unlink()
    elif how == "wrong file":
        content = _shards(folder)
        content["weight_map"]["a"] = "model-00002-of-000002.safetensors"
        index.write_text(json.dumps(content))
    elif how == "no entry":
        content = _shards(folder)
        del content["weight_map"]["b"]
        index.write_text(json.dumps(content))
    elif how == "in two files":
        _shards(folder)
        index.unlink()
        shutil.copy(folder / "model-00001-of-000002.safetensors", folder / "model-copy.safetensors")
    else:
        _one(folder)
        size = file.stat().st_size
        if how == "truncated":
            file.write_bytes(file.read_bytes()[: size - 3])
        elif how == "longer":
            file.write_bytes(file.read_bytes() + b"12")
        elif how == "header cut":
            file.write_bytes(file.read_bytes()[:40])
        elif how == "huge header":
            file.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
        elif how == "not JSON":
            headers.raw(file, b"{'a': 1}")
        elif how == "twice":
            headers.raw(file, _text(folder).replace('"b"', '"a"').encode(), 29)
        elif how == "overlap":
            _rewrite(folder, "[24, 29]", "[20, 25]")
        elif how == "hole":
            _rewrite(folder, "[24, 29]", "[25, 30]")
        elif how == "size":
            _rewrite(folder, "[2, 3]", "[2, 4]")
        elif how == "negative":
            _rewrite(folder, "[2, 3]", "[-2, -3]")
        elif how == "dtype":
            _rewrite(folder, '"U8"', '"F4"')
        else:
            raise AssertionError(how)


BROKEN = {
    "missing": "names model-00002-of-000002.safetensors (1 tensors), which",
    "wrong file": "a should be in model-00002-of-000002.safetensors: it is in model-00001-of",
    "no entry": "b, in model-00002-of-000002.safetensors, has no entry",
    "in two files": "the tensor a is in both model-00001-of-000002.safetensors and model-copy.safetensors",
    "truncated": "is truncated: it holds 26 of 29 bytes of weights",
    "longer": "is longer than its header says: it holds 31 of 29 bytes",
    "header cut": "is truncated: 32 of the header's",
    "huge header": "ask for a header of 1,099,511,627,776 bytes",
    "not JSON": "not valid JSON",
    "twice": "the key 'a' is there twice",
    "overlap": "b overlaps a: it begins at byte 20, before 24",
    "hole": "1 bytes before b belong to no tensor",
    "size": "a (F32, [2, 4]) needs 32 bytes, its offsets [0, 24] hold 24",
    "negative": "a has shape [-2, -3]",
    "dtype": "b has dtype F4, which mlx does not read",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_checkpoint_is_refused_by_name(tmp_path, how):
    _break(tmp_path, how)
    with pytest.raises(Failure) as failure:
        read(tmp_path)
    assert failure.value.kind == "user"
    assert BROKEN[how] in failure.value.text
    assert str(tmp_path) in failure.value.text


def test_a_folder_without_a_checkpoint_is_the_persons_to_mend(worker, tmp_path):
    for name in ("absent", "empty"):
        if name == "empty":
            (tmp_path / name).mkdir()
        target = {"checkpoint": str(tmp_path / name)}
        final = worker.run(None, check="load", target=target)[-1]
        assert (final["type"], final["kind"]) == ("failed", "user"), final
        assert str(tmp_path / name) in final["text"]
