"""Check published figures and answer textbook exercises."""
