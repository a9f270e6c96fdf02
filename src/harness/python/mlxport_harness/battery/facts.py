"""Upstream's battery as data: its prompts, limits and time limits, so that results can be laid side by side.

Source: the repository pcuenca/mlx-lm-tests (harness/run_harness.py, May 2026). A changed word here would make
another measurement of it. `TEXT` and the stress texts are ours.
"""

from __future__ import annotations

GENERATE = {
    "base": (
        "The discovery of gravitational waves in 2015 confirmed a major prediction of Einstein's "
        "general theory of relativity. The implications of this discovery for our understanding of "
        "the universe are profound, as they open up entirely new ways to observe cosmic events that "
        "were previously invisible to us. In particular,"
    ),
    "instruct": "Explain how a transformer neural network processes a sentence, step by step.",
}
LONG = {
    "base": (
        "Write a detailed tutorial on building a web server from scratch in Python, covering sockets,"
        " HTTP parsing, routing, and error handling."
    ),
    "instruct": "Write an HTML and JavaScript page implementing the game of space invaders.",
}
NUMERICAL = (
    "The quick brown fox jumps over the lazy dog. This sentence contains every letter of the "
    "English alphabet at least once and has been used as a typing exercise for over a century. In"
    " the world of computing, pangrams like this one serve a practical purpose beyond mere "
    "amusement. They help test fonts, keyboards, and text rendering systems by exercising the "
    "full range of characters that a system must support. Similar sentences"
)
GENERATE_TOKENS, LONG_TOKENS, Q_BITS = 200, 4096, 4

# Kinds of text that the numerical prompt lacks: figures, code, other scripts, a list.
TEXT = (
    "In 1969 the crew of Apollo 11 travelled 384,400 km; the descent took 12 minutes and 36 seconds.\n"
    "def mean(values: list[float]) -> float:\n    return sum(values) / len(values)\n\n"
    "1. Preheat the oven to 180 °C.\n2. Mix 250 g flour, 3 eggs and a pinch of salt.\n"
    "Der Zug nach München fährt um 7:45 Uhr ab. 今日は天気がいいですね。 Où est la bibliothèque ?\n"
    "She opened the letter, read it twice, and put it back without a word."
)
