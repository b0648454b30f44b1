"""An infill in the editor: its thread, its state, where it stands in the text."""
