//! The workspace: Python environment, mlx-lm checkout, transformers source, atomic edits with a backup.
