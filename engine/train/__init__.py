"""Trains the bundled model: corpus, vocabulary, batches, loss, loop, export."""
