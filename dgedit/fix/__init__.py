"""What keeps a text from parsing, what may mend it, and which of that a person would choose."""
