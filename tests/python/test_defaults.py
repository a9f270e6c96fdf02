"""What a config class makes of absent keys: computed for the config at hand, refusals named, nothing cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from mlxport_harness import defaults


def asked(*asks: dict) -> list[dict]:
    command = [sys.executable, "-m", "mlxport_harness", "defaults"]
    done = subprocess.run(
        command, input=json.dumps({"asks": asks}), capture_output=True, text=True, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_defaults_are_computed_for_the_config_and_refusals_have_words():
    small = {"hidden_size": 64, "num_attention_heads": 8, "num_hidden_layers": 7, "rope_theta": 5e5}
    yarn = {"rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4.0}}
    nested = {"text_config": {"num_hidden_layers": 7}}
    llama, own, scaled, gemma, unknown, refused, broken = asked(
        {"model_type": "llama", "config": None},
        {"model_type": "llama", "config": json.dumps(small)},
        {"model_type": "llama", "config": json.dumps(yarn)},
        {"model_type": "gemma3", "config": json.dumps(nested)},
        {"model_type": "no_such", "config": None},
        {"model_type": "llama", "config": json.dumps({"hidden_size": "wide"})},
        {"model_type": "llama", "config": "{"},
    )
    assert llama["values"]["head_dim"] == 128 and own["values"]["head_dim"] == 8
    assert (llama["values"]["num_key_value_heads"], own["values"]["num_key_value_heads"]) == (32, 8)
    assert llama["values"]["rope_parameters"] == {"rope_theta": 10000.0, "rope_type": "default"}
    assert own["values"]["rope_parameters"]["rope_theta"] == 5e5
    assert scaled["values"]["rope_parameters"]["rope_type"] == "yarn"
    text = gemma["values"]["text_config"]
    assert len(text["layer_types"]) == 7
    assert text["rope_parameters"]["sliding_attention"]["rope_theta"] == 10000.0
    assert "id2label" not in llama["values"] and "output_attentions" not in llama["values"]
    assert "no config class for model_type 'no_such'" in unknown["error"]["text"]
    assert refused["error"]["kind"] == "user" and "hidden_size" in refused["error"]["text"]
    assert "not JSON" in broken["error"]["text"]
    assert llama["transformers"]


def test_a_config_class_that_no_file_describes_is_asked_once_in_this_process():
    assert defaults.made("qwen3_5", None)["text_config"]["rope_parameters"]["partial_rotary_factor"] == 0.25
