"""What "that was false" is worth: a home with look-alikes, night after night.

A rule listens for one label. Three clips of other labels, each at a place of its own, raise its
alert on some nights. A person marks each false alarm as it comes, up to one or three for each
look-alike; then ten nights are counted, and sounds of the rule itself: elsewhere, and at the
places of the look-alikes, where they are hardest to tell apart. The marks go through the store and
the gate of `elsa_rt.scoring`. Every night has a signal-to-noise ratio, noise and direction of its
own.
"""
