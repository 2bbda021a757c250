"""The teacher: ELSA, a non-streaming model of what sounds where, that the student learns from.

    python -m export teacher CONFIG.yaml WORK      train it, or go on with it
    python -m export measure-teacher CHECKPOINT WORK     what it can

    load        a checkpoint -> Teacher
    Teacher     embed_sound, embed_text, direction

The rooms: `config` (every setting); `intensity` -> `spatial` (where), `semantic` (what, a plug),
`reading` (text, a plug), `model` (all of them fused); `examples` and `sentences` (what it is
shown); `losses`, `across` (several devices), `trainer`, `train`, `curves`.
"""

from export.teacher.teacher import Teacher, load

__all__ = ["Teacher", "load"]
