"""Trueup: one truth for every order, unit, parcel, customer and cent."""

__version__ = "0.1.0"
