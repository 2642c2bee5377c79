"""A local server with the wire format of FinAuth's ``anti_deepfake``, scored by a weak reference detector.

It exists so that the demo and the tests need no account and send no picture anywhere. Its scores are computed
from the pixels by a real but weak detector and say nothing about FinAuth. It imports nothing else of the package,
so that client and server agree by the wire format alone.
"""
