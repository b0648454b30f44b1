"""DiffusionGemma: its checkpoint, network, cache, passes and prompts."""
