"""P(A|alpha): `factorised` samples it, `conditioned` restricts it to a target, `importance` weighs its samples."""
