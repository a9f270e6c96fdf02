"""H13 `template`: what mlx-lm itself does with the tokenizer, against transformers' own.

eos set, renderings, decoding, the streaming detokenizer on a stress corpus, calls parsed back, thinking.
Each item that applies must hold; an item that does not apply is listed as such.
"""

from __future__ import annotations

from typing import Any

from mlxport_harness.battery.case import Case, Outcome
from mlxport_harness.battery.plan import Test
from mlxport_harness.battery.template_probe import CALLS

Item = tuple[str, str, str]
LOST = "�"


def needs(case: Case) -> list[tuple[str, dict[str, Any]]]:
    return [("template", {})]


def judge(case: Case, test: Test) -> Outcome:
    port = case.port("template", test.limit)
    reference = case.reference("template")[1]
    items = compare(reference, port[1])
    failed = [i for i in items if i[1] == "fail"]
    told = [i for i in items if i[1] in ("fail", "finding")]
    done = [i for i in items if i[1] in ("pass", "fail", "finding")]
    found = case.record(
        test,
        "fail" if failed else "pass",
        figure=len(failed),
        unit="items",
        bar=0,
        metric=f"of {len(done)} items that apply",
        seconds=port[2],
        findings=[{"id": name, "text": text} for name, _, text in told],
    )
    found["items"] = [{"item": n, "verdict": v, "text": t} for n, v, t in items]
    lines = [f"{n}: {v}{': ' + t if t else ''}" for n, v, t in items]
    return Outcome(found, "\n".join(lines) + "\n", 0)


def compare(reference: dict[str, Any], port: dict[str, Any]) -> list[Item]:
    """(item, pass | fail | finding | not_applicable, text)"""
    return [
        *_eos(reference, port),
        *_rendered(reference, port),
        *_texts(reference, port),
        *_tools(port["tools"]),
        *_thinking(port["thinking"]),
    ]


def _eos(reference: dict[str, Any], port: dict[str, Any]) -> list[Item]:
    wanted, given = set(reference["eos"]["ids"]), set(port["eos"]["ids"])
    items: list[Item] = []
    if wanted - given:
        text = f"transformers stops at {sorted(wanted)}, mlx-lm only at {sorted(given)}."
        items.append(("eos", "fail", text))
    elif given - wanted:
        items.append(("eos", "finding", f"mlx-lm also stops at {sorted(given - wanted)}."))
    else:
        items.append(("eos", "pass" if given else "fail", "" if given else "mlx-lm has no end token."))
    end = reference["eos"].get("turn_end")
    if end is None:
        items.append(("end of turn", "not_applicable", "no template, or no special token ends a turn in it"))
    elif end in given:
        items.append(("end of turn", "pass", ""))
    else:
        text = f"The template ends an answer with token {end}, at which mlx-lm does not stop."
        items.append(("end of turn", "finding" if end not in wanted else "fail", text))
    return items


def _rendered(reference: dict[str, Any], port: dict[str, Any]) -> list[Item]:
    if not reference["template"]:
        verdict = "finding" if port["template"] else "not_applicable"
        return [
            (
                "chat template",
                verdict,
                "only mlx-lm has one" if port["template"] else "the checkpoint has none",
            )
        ]
    items: list[Item] = []
    for name, wanted in reference["rendered"].items():
        given = port["rendered"].get(name)
        if isinstance(wanted, dict):
            items.append((f"template, {name}", "not_applicable", str(wanted.get("error"))))
        elif given == wanted:
            items.append((f"template, {name}", "pass", ""))
        elif not isinstance(given, list):
            error = given.get("error") if isinstance(given, dict) else "nothing"
            items.append((f"template, {name}", "fail", f"mlx-lm gives {error}."))
        else:
            at = _first(wanted, given)
            text = f"Token {at}: transformers {wanted[at : at + 3]}, mlx-lm {given[at : at + 3]}."
            items.append((f"template, {name}", "fail", text))
    return items


def _texts(reference: dict[str, Any], port: dict[str, Any]) -> list[Item]:
    items: list[Item] = []
    for name, ids in reference["ids"].items():
        if port["ids"].get(name) != ids:
            items.append((f"encode, {name}", "fail", "mlx-lm's ids differ from transformers'."))
            continue
        wanted, stream = reference["decode"][name], port["stream"].get(name, {})
        if port["decode"].get(name) != wanted:
            items.append((f"decode, {name}", "fail", "mlx-lm decodes the same ids to another text."))
        items.append((f"detokenizer, {name}", *_stream(wanted, stream, port.get("detokenizer"))))
    return items


def _stream(wanted: str, stream: dict[str, Any], detokenizer: Any) -> tuple[str, str]:
    if "error" in stream:
        return "fail", f"{detokenizer} raised {stream['error']}."
    given = stream.get("text")
    if not isinstance(given, str):
        return "fail", "mlx-lm gave no text."
    if given != stream.get("whole"):
        return "fail", f"{detokenizer} takes back what it said: pieces and whole differ."
    if given == wanted:
        return "pass", ""
    # What each library makes of bytes that are no character is its own choice: how many marks, not whether.
    if given.rstrip(LOST) == wanted.rstrip(LOST) and given.endswith(LOST) == wanted.endswith(LOST):
        return "finding", "An unfinished character ends in another number of replacement marks."
    if wanted.startswith(" ") and given == wanted[1:]:
        return (
            "finding",
            f"{detokenizer} drops the text's leading space, for every such tokenizer.",
        )
    at = _first(wanted, given)
    return "fail", f"At {at}: decode says {wanted[at : at + 12]!r}, the stream {given[at : at + 12]!r}."


def _tools(tools: dict[str, Any]) -> list[Item]:
    if not tools["template"] and not tools["parser"]:
        return [("tools", "not_applicable", "the template takes no tools")]
    if not tools["parser"]:
        return [("tools", "finding", "The template takes tools, and mlx-lm finds no parser for its calls.")]
    items: list[Item] = []
    for name, arguments in CALLS.items():
        given = tools["calls"].get(name, {"error": "nothing"})
        if "error" in given:
            items.append((f"call, {name}", "fail", f"{tools['parser']}: {given['error']}."))
        elif (given.get("name"), given.get("arguments")) == ("find_place", arguments):
            items.append((f"call, {name}", "pass", ""))
        else:
            read = f"{given.get('name')}({given.get('arguments')})"
            text = f"{tools['parser']} reads {read}, called with {arguments}."
            items.append((f"call, {name}", "fail", text))
    return items


def _thinking(thinking: dict[str, Any]) -> list[Item]:
    if not thinking.get("has"):
        return [("thinking", "not_applicable", "no thinking tokens in the vocabulary")]
    items: list[Item] = []
    if not all(thinking["encoded"]):
        text = f"{thinking['start']} or {thinking['end']} is not encoded to the tokens that mlx-lm looks for."
        items.append(("thinking tokens", "fail", text))
    else:
        items.append(("thinking tokens", "pass", ""))
    for name in ("on", "off"):
        state = thinking.get(name) or {}
        if "error" in state:
            items.append((f"thinking {name}", "finding", str(state["error"])))
            continue
        who = (
            "the template closes it"
            if state["closes"]
            else "the template opens it"
            if state["opens"]
            else "the model opens it"
        )
        items.append((f"thinking {name}", "pass", who))
        if name == "off" and state["opens"] and not state["closes"]:
            items.append(("thinking off", "finding", "The template opens a block although thinking is off."))
    return items


def _first(left: Any, right: Any) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
