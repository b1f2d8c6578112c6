"""Drift: does a version find now what it found at first?"""
