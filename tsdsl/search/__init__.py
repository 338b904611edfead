"""Architecture search: PARSEC over a weight-sharing supernet."""
