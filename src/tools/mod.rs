//! What the model may ask for: the registry and one file per tool.
