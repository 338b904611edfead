"""What happens at a token that does not fit: what was probably meant, how it is worded, and where reading goes on."""
