"""Write a trial as a program that stands alone, or its weights in another program's format."""
