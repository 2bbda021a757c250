"""From sentences and recordings to vectors and regions.

bank                `PromptBank`: encoded rules, shared by listeners
rule_embeddings     the vectors of a rule, from its prompts and examples
sentences           several sounds in a sentence, and those that are not wanted
spatial_phrases     places in a sentence: "behind me"
place_grammar, place_algebra, place_doubts
                    the table of phrases, unions of regions, what was not understood
examples            recordings as prompts
"""
