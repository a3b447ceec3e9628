"""Dataflows of a PE array: what stays in the PEs, and the closed forms that follow from it.

A systolic dataflow (os, ws, is) says how C[m,n] = A[m,k] x B[k,n] is laid on R x C PEs: the two extents that are spread
over the rows and columns (S_r, S_c) and the one that streams through (T). Everything works on integers and on numpy
integer arrays alike.

Source of the fold times: the reference formulas of SCALE-Sim v3 (Samajdar et al., ISPASS 2020, and its v3 release),
reproduced exactly by ``tilesim validate systolic``. Overlapped times are derived in each file.

Row stationary (rs) works on the convolution itself and has its own sources.
"""
