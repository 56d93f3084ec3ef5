"""Datasets on disk, their images, features and episodes."""
