"""The transformers side: runs in its own process, writes its states, and is not run again while they hold."""
