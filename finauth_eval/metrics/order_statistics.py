"""Thresholds that keep a rate below a target with a stated confidence, whatever the scores' distribution."""

from __future__ import annotations

import math

from scipy.special import betaincc, betaincinv

from finauth_eval.metrics.intervals import valid_confidence

__all__ = ["allowed_errors", "binomial_cdf", "minimum_n", "rank_interval"]


def minimum_n(target: float, *, confidence: float = 0.95, errors: int = 0) -> int:
    """The fewest samples with which ``errors`` errors still promise a rate of at most ``target``.

    Args:
        target: The rate, in (0, 1).
        confidence: Probability of the promise, in (0, 1).
        errors: Errors that the rule may allow among the samples.

    Raises:
        ValueError: An argument is out of range.

    Example:
        >>> minimum_n(0.05), minimum_n(0.01), minimum_n(0.001)
        (59, 299, 2995)
    """
    risk = 1 - valid_confidence(confidence)
    _check_target(target)
    enough = errors + 1
    while binomial_cdf(errors, enough, target) > risk:
        enough *= 2
    too_few = max(errors, enough // 2)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if binomial_cdf(errors, middle, target) <= risk:
            enough = middle
        else:
            too_few = middle
    return enough


def allowed_errors(n: int, target: float, *, confidence: float = 0.95) -> int | None:
    """The most errors among ``n`` samples that still promise a rate of at most ``target``; ``None`` for no number.

    It is the largest m with P(Binomial(n, target) <= m) <= 1 - confidence.

    Args:
        n: How many independent samples there are.
        target: The rate, in (0, 1).
        confidence: Probability of the promise, in (0, 1).

    Raises:
        ValueError: An argument is out of range.

    References:
        Tong, X., Feng, Y. and Li, J. (2018). Neyman-Pearson classification algorithms and NP receiver operating
        characteristics. Science Advances 4, eaao1659.

    Example:
        >>> allowed_errors(1000, 0.01), allowed_errors(59, 0.05), allowed_errors(58, 0.05)
        (4, 0, None)
    """
    risk = 1 - valid_confidence(confidence)
    _check_target(target)
    if n < 1 or binomial_cdf(0, n, target) > risk:
        return None
    held, broken = 0, n  # P(Binomial <= n) = 1 is above every risk
    while broken - held > 1:
        middle = (held + broken) // 2
        if binomial_cdf(middle, n, target) <= risk:
            held = middle
        else:
            broken = middle
    return held


def rank_interval(rank: int, n: int, *, confidence: float = 0.95) -> tuple[int, int]:
    """The ranks between which an order statistic moves from sample to sample, by the exact bootstrap.

    The ``rank``-th smallest of a bootstrap sample is at most the j-th smallest of the sample with probability
    I(j / n; rank, n - rank + 1); no draw is needed.

    Args:
        rank: The order statistic's rank, in [1, n].
        n: Size of the sample.
        confidence: Nominal coverage, in (0, 1).

    References:
        Hutson, A. and Ernst, M. (2000). The exact bootstrap mean and variance of an L-estimator. JRSS B 62, 89-94.

    Example:
        >>> rank_interval(50, 100)
        (40, 60)
    """
    tail = (1 - valid_confidence(confidence)) / 2
    low, high = (
        min(n, max(1, math.ceil(n * float(betaincinv(rank, n - rank + 1, share)))))
        for share in (tail, 1 - tail)
    )
    return low, high


def binomial_cdf(errors: int, n: int, share: float) -> float:
    """P(Binomial(n, share) <= errors), for any n: scipy's own binomial functions end at 2^31 trials.

    Example:
        >>> round(binomial_cdf(0, 59, 0.05), 4), binomial_cdf(3, 3, 0.5)
        (0.0485, 1.0)
    """
    return 1.0 if errors >= n else float(betaincc(errors + 1, n - errors, share))


def _check_target(target: float) -> None:
    if not 0 < target < 1:
        raise ValueError(f"target is {target!r}; expected a share between 0 and 1, such as 0.01 for 1%")
