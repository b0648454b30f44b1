"""What is drawn: the text area, its document, the bars and the pieces of the dialogs."""
