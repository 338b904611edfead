"""The shipped search spaces, importable as `std:NAME`."""
