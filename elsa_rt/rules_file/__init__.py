"""A YAML file of settings, rules and outputs, read with line numbers.

reader              `read_rules`: the file as `Config`, rules and outputs
keys, value_types   which keys there are and what their values may be; `schema` for editors
yaml_lines          YAML with the line of each value; `problems` are what is wrong in which line
lint                what is allowed and hardly meant
edit, watch         change a file without losing its comments; read it again when it changes
"""
