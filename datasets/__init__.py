"""TFDS builders, one folder a corpus; installed as `tfsergan.datasets`."""
