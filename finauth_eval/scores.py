"""The score table: one row a sample, whatever became of it. The waist of the whole tool."""

from __future__ import annotations
