"""Files that users write or bring, read with line numbers and within bounds.

yaml_lines          YAML as a tree of `Node`s with their lines; nothing in it can run or explode
value_types         what a value must be: reads a node, and knows its JSON Schema
problems            what is wrong in which line
"""
