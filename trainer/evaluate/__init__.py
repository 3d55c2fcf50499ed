"""Arithmetic on arrays: metrics, intervals, comparisons, standings. numpy and scipy only."""
