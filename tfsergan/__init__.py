"""Adversarial methods for speech emotion recognition, reproduced paper by paper."""
