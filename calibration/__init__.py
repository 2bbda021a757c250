"""What is measured rather than learned: microphone profiles and the lab tools behind them.

lab, trials         calibration of simulated microphones, and how well it does
simulated_rooms, capsule_signals, encoding_error
                    signals of capsules by formulas of their own
features, scores, platt
                    the recipe of the 8-bit calibration set, and of the score statistics
"""
