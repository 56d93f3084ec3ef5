"""Kills, full disks, simultaneous starts and flipped bits: a tiny study must end in the same digits, or say why not.

``python -m tests.torture`` runs all four parts and writes their outcome into ``tests/README.md``, with ``--short`` a
few trials of each that take seconds. Every part takes the digits of an undisturbed study as the truth.
"""
