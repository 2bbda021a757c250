"""Parts that student and teacher share: text tower, memory, losses."""
