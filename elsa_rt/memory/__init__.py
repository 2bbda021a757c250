"""The past of a place: a row for each sound, no sound; asked in words and directions.

    memory.Memory        opens a store and answers: recall, unusual
    row                  what is kept of a sound, and what an answer has of it
    recorder.Recorder    keeps what a listener hears, on a thread of its own
    keeper.Keeper        the same for a listener whose settings name a store
    remember, job        recordings into a store, in pieces, each exactly once

    store, schema        the SQLite database of a device; forgetting, transfer, repair, summary
    row_code             how a row lies in its tables
    vector_code          embeddings in 194 bytes; coarse_index, scan, search: how they are found
    gather, piece_rows   from steps to rows: of one stream, of pieces of recordings
    question, moments    sentences and times in words, understood; bounds: where and when is looked
    answer               from the rows that were found to an answer
    rarity               what is not usual
    archive              the same in a Lance dataset, on a Ray cluster

Nothing beyond the dependencies of elsa-rt is needed, but for ``archive`` and ``arrow`` (Parquet).
"""
