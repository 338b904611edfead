"""`require` statements, resolved: `sums` of decisions and costs, the `conditions` they are compared in, and `requires`,
which makes constraints of them; `nested_constants` are values that only some alternatives have.
"""
