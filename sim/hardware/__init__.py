"""Component models: one interface a folder, one file a model. Built from frozen specs; state belongs to one run."""
