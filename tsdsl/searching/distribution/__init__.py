"""P(A|alpha): `factorised` samples it, `importance` weighs its samples."""
