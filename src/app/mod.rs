//! PURE. What the program knows and how it changes: state, messages, effects, update.
