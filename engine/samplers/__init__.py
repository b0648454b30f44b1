"""Samplers: `step` is the protocol and the state, `canvas` moves a canvas on, `entropy_bound` says what it accepts."""
