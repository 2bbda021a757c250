"""Archives: rows of many recordings in a Lance dataset, heard on one computer or on a Ray cluster.

Needs the extra ``archive``. A dataset lies in a directory or an object store, has an index for
approximate search once it is large, and is asked like the store of a device.
"""
