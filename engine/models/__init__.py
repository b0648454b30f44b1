"""Model families behind the `Denoiser` protocol, a folder each."""
