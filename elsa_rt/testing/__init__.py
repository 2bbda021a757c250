"""Test your own program without the model and without a microphone.

    tiny_bundle      a real bundle of 0.2 MB that knows a "hum" from a "hiss" and loads in a moment
    use_tiny_bundle  makes it the default: programs that name no bundle run on it
    sound            a hum or a hiss from any direction, as AmbiX
    scene            sounds at their times, as a source
    FakeMicrophone   a live source whose sound your test gives, block by block

All of it runs the way that the real model goes: features, ONNX Runtime, scores, tracks, alerts.

>>> from elsa_rt import Listener, testing
>>> source = testing.scene(testing.SoundAt("hum", 1.0, 3.0, azimuth_deg=90), seconds=4)
>>> listener = Listener(["a hum"], source, bundle=testing.tiny_bundle().path)
>>> [(a.state, a.words) for hearing in listener for a in hearing.alerts]
[('start', 'left'), ('end', 'left')]
"""

from elsa_rt.testing.bundle import tiny_bundle, use_tiny_bundle
from elsa_rt.testing.sources import FakeMicrophone, SoundAt, scene, sound

__all__ = ["FakeMicrophone", "SoundAt", "scene", "sound", "tiny_bundle", "use_tiny_bundle"]
