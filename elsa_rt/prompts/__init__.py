"""From sentences and recordings to vectors and regions.

bank                `PromptBank`: encoded rules, shared by listeners
rule_embeddings     the vectors of a rule, from its prompts and examples
spatial_phrases     places in a sentence: "behind me"
examples            recordings as prompts
"""
