"""Published weights: checkpoints of other projects as weights of our networks.

`checkpoint` reads a file, `unreadable` says what a file is that is no checkpoint. `recognise` finds the family that the
names belong to, among `families`, which are translated, and `others`, which are refused with a reason. `translate`
gives the tensors our names and shapes; `colours` and `shortcuts` make up for what a family computes differently.
"""
