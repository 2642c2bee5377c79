"""Evaluate FinAuth's ``anti_deepfake`` API and calibrate its decision threshold, with honest uncertainty."""

__version__ = "0.1.0"
