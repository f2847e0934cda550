"""One script and one TOML a paper; `tfsergan reproduce PAPER` runs them."""
