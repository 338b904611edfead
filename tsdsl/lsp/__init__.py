"""The language server: pure functions over texts and spaces, and one module that speaks the protocol."""
