"""Model families behind the `Denoiser` protocol, one file each."""
