"""The infill engine: text around a span in, frames of denoised text out.

    InfillRequest -> packing -> encode context -> denoise: predict -> accept -> renoise -> Frame …
                                                                         rank rows -> InfillResult

Its types are plain values; torch is imported by the modules that compute, never by `engine.types`.
"""
