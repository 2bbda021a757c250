"""Recordings heard faster than they sound: in pieces, many at a time, on several cores.

pieces      sound files in folders, and the pieces of them that are heard apart
reading     `PieceReader`: frames and AmbiX of each step of a piece
batch       `PieceBatch`: many pieces that step together, in one run of the model for a step of each
processes   the same on several processes
"""
