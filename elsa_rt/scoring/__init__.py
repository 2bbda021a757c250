"""From vectors to calibrated scores.

scorer              `Scorer`: scores of every rule for one step
logits              similarity to log odds to score
adaptation          slowly adapting offset of what goes on and on
statistics, background, false_alarm_rate, thresholds
                    how often background alone reaches a score, and which score that allows
confirmation        when scores have held for long enough
site, segments      background of one place, and how it is kept
feedback, feedback_gate
                    what people said of alerts, and what it changes
explain             what a prompt finds, before it is used
"""
