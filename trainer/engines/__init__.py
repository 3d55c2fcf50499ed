"""How a language model is loaded and trained: one Protocol, a file per engine."""
