"""What a tokenizer does, asked alike of transformers' own and of mlx-lm's wrapper; the judge compares.

Conversations are rendered to ids, a stress corpus is decoded whole and piece by piece, calls are rendered and
parsed back. A template that refuses a conversation (no system turn, strict alternation) says so itself.
"""

from __future__ import annotations

from typing import Any

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "user": [{"role": "user", "content": "What is 2+2?"}],
    "system": [
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "Name a colour."},
    ],
    "turns": [
        {"role": "user", "content": "Hi, I am Zoë."},
        {"role": "assistant", "content": "Hello Zoë."},
        {"role": "user", "content": "  Who am I?\n"},
    ],
}
ANSWERED = [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": "Zebra"}]

STRESS = {
    "plain": "The quick brown fox, it's 3.14 (really)!",
    "leading spaces": "   three before, two  between, one after ",
    "lines": "a\n\n\tb\r\nc\n",
    "emoji": "👍🏽 👩‍👩‍👧‍👦 🇧🇷 ✈️ 🧑🏿‍🚀",
    "cjk": "今日は天気がいい。我们去公园吧，好吗？ 한국어도",
    "combining": "e\u0301 n\u0303 a\u0300\u0323 ด้วย नमस्ते",
    "right to left": "مرحبا بالعالم שלום",
    "rare": "\u200b\ufeff𝒜𝓑𝕮 ⟨ψ|φ⟩ ℵ₀ \U0001f9ec\U00020000",
    "code": "if (a[i] != b) {\n    return `${x}`;\n}  // ok",
    "markup": "</s><|end|> <think>no</think> [INST]",
}

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_place",
            "description": "Finds a place.",
            "parameters": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "description": "Its name."},
                    "limit": {"type": "integer", "description": "How many."},
                    "near": {
                        "type": "object",
                        "description": "Where.",
                        "properties": {"city": {"type": "string"}},
                    },
                },
                "required": ["name"],
            },
        },
    }
]
CALLS = {
    "plain": {"name": "Louvre"},
    "number": {"name": "Louvre", "limit": 3},
    "quotes": {"name": 'the "old" house, it\'s {here}'},
    "unicode": {"name": "Zoë 東京 👍"},
    "nested": {"name": "Louvre", "near": {"city": "Paris"}},
}


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """As mlx-lm's generate makes them: through the chat template where there is one."""
    if not has_template(tokenizer):
        return list(tokenizer.encode(prompt))
    messages = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return list(tokenizer.encode(text, add_special_tokens=False))


def has_template(tokenizer: Any) -> bool:
    own = getattr(tokenizer, "has_chat_template", None)
    return bool(own if own is not None else tokenizer.chat_template)


def reference(tokenizer: Any, eos: list[int]) -> dict[str, Any]:
    """The oracle's side: renderings, decodings, and what generation stops at."""
    found = _common(tokenizer)
    found["eos"] = {"ids": eos, "turn_end": _turn_end(tokenizer) if has_template(tokenizer) else None}
    found["decode"] = {name: tokenizer.decode(ids) for name, ids in found["ids"].items()}
    return found


def port(tokenizer: Any) -> dict[str, Any]:
    """mlx-lm's side: the same, and its streaming detokenizer, tool parser and thinking tokens."""
    found = _common(tokenizer)
    found["eos"] = {"ids": sorted(int(i) for i in tokenizer.eos_token_ids)}
    found["detokenizer"] = type(tokenizer.detokenizer).__name__
    found["decode"] = {name: tokenizer.decode(ids) for name, ids in found["ids"].items()}
    found["stream"] = {name: _stream(tokenizer, ids) for name, ids in found["ids"].items()}
    found["tools"] = _tools(tokenizer)
    found["thinking"] = _thinking(tokenizer)
    return found


def _common(tokenizer: Any) -> dict[str, Any]:
    ids = {name: list(tokenizer.encode(t, add_special_tokens=False)) for name, t in STRESS.items()}
    for name in ("emoji", "cjk"):
        for cut in range(1, min(4, len(ids[name]))):
            ids[f"{name}, cut by {cut}"] = ids[name][:-cut]
    added = sorted(getattr(tokenizer, "added_tokens_decoder", None) or {})
    plain = ids["plain"]
    ids["added tokens"] = [i for extra in added[:256] for i in (*plain[:2], extra)] + plain[2:4]
    rendered: dict[str, Any] = {}
    if has_template(tokenizer):
        for name, messages in CONVERSATIONS.items():
            rendered[name] = _attempt(lambda m=messages: _render(tokenizer, m))
    return {"template": has_template(tokenizer), "ids": ids, "rendered": rendered}


def _render(tokenizer: Any, messages: list[dict[str, Any]], **options: Any) -> list[int]:
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options)
    return list(tokenizer.encode(text, add_special_tokens=False))


def _attempt(work: Any) -> Any:
    try:
        return work()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}


def _turn_end(tokenizer: Any) -> int | None:
    """The first token that the template puts after an assistant's answer, where it is a special one."""
    try:
        text = tokenizer.apply_chat_template(ANSWERED, tokenize=False)
    except Exception:
        return None
    rest = text.rpartition("Zebra")[2]
    ids = tokenizer.encode(rest, add_special_tokens=False)
    special = set(getattr(tokenizer, "added_tokens_decoder", None) or {})
    return int(ids[0]) if ids and ids[0] in special else None


def _stream(tokenizer: Any, ids: list[int]) -> dict[str, Any]:
    """The text in pieces, as a chat shows it; what a piece once said cannot be taken back."""
    detokenizer = tokenizer.detokenizer
    pieces = []
    try:
        for token in ids:
            detokenizer.add_token(token)
            pieces.append(detokenizer.last_segment)
        detokenizer.finalize()
        pieces.append(detokenizer.last_segment)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    return {"text": "".join(pieces), "whole": detokenizer.text}


def _tools(tokenizer: Any) -> dict[str, Any]:
    template = getattr(tokenizer, "chat_template", None)
    wants = isinstance(template, str) and "tools" in template
    if not tokenizer.has_tool_calling:
        return {"template": wants, "parser": None, "calls": {}}
    module = getattr(tokenizer.tool_parser, "__module__", "").rpartition(".")[2]
    calls = {name: _attempt(lambda a=a: _call(tokenizer, a)) for name, a in CALLS.items()}
    return {"template": wants, "parser": module, "calls": calls}


def _call(tokenizer: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """A call as the template writes it into the history, through mlx-lm's parser."""
    message = {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "type": "function",
                "id": "abcdefghi",
                "function": {"name": "find_place", "arguments": arguments},
            }
        ],
    }
    messages = [{"role": "user", "content": "Find it."}, message]
    text = tokenizer.apply_chat_template(messages, tools=TOOLS, tokenize=False)
    text = text[text.rfind("Find it.") :]
    start, end = tokenizer.tool_call_start, tokenizer.tool_call_end
    if start not in text:
        return {"error": f"the rendered call has no {start!r}"}
    inner = text.partition(start)[2]
    inner = inner.partition(end)[0] if end else inner
    parsed = tokenizer.tool_parser(inner, TOOLS)
    parsed = parsed[0] if isinstance(parsed, list) else parsed
    given = parsed.get("arguments")
    if isinstance(given, str):
        import json

        given = json.loads(given)
    return {"name": parsed.get("name"), "arguments": given, "text": inner[:300]}


def _thinking(tokenizer: Any) -> dict[str, Any]:
    if not tokenizer.has_thinking:
        return {"has": False}
    start, end = list(tokenizer.think_start_tokens), list(tokenizer.think_end_tokens)
    found: dict[str, Any] = {"has": True, "start": tokenizer.think_start, "end": tokenizer.think_end}
    found["encoded"] = [
        list(tokenizer.encode(t, add_special_tokens=False)) == ids
        for t, ids in ((tokenizer.think_start, start), (tokenizer.think_end, end))
    ]
    for name, on in (("on", True), ("off", False)):
        ids = _attempt(lambda on=on: _render(tokenizer, CONVERSATIONS["user"], enable_thinking=on))
        if isinstance(ids, dict):
            found[name] = ids
            continue
        opened = tokenizer.rfind_think_start(ids)
        closed = tokenizer.rfind_think_end(ids)
        found[name] = {"opens": opened >= 0, "closes": closed > opened >= 0}
    return found
