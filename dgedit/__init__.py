"""dgedit: a terminal editor whose infill is diffusion.

cli | tui | pipe  ->  fill  ->  engine  ->  kernels        (nothing imports to the left)
"""
