"""A YAML file of settings, rules and outputs.

    reader              `read_rules`: the file as `Config`, rules and outputs
    keys                which keys there are and what their values may be; `schema` for editors
    lint                what is allowed and hardly meant
    edit, watch         change a file without losing its comments; read it again when it changes

Values, line numbers and problems come from `elsa_rt.user_files`.
"""
