"""Programs that write parts of the documentation and of the editor files from the code."""
