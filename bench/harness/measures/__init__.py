"""What is measured. Each measure has rows, and fills them in rounds."""
