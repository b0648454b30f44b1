"""The llama family: a pretrained left-to-right network that also denoises canvases, on the same weights."""
