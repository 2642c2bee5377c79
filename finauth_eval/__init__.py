"""Evaluate FinAuth's ``anti_deepfake`` API and calibrate its decision threshold, with honest uncertainty.

Names are loaded when they are first used (see ``__init__.pyi``): importing the package loads neither matplotlib nor
httpx nor scikit-learn. What happens is logged to the logger ``finauth_eval``, which says nothing until it is told to.
"""

import logging

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

logging.getLogger(__name__).addHandler(logging.NullHandler())
