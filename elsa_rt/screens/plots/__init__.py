"""Pictures that commands write: SVG that stands alone, for a browser or a report.

prompt_map   prompts among known sounds        elsa-rt explain --plot
channels     what each channel of a microphone gives    elsa-rt doctor --plot
"""
