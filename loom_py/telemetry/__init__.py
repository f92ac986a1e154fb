"""What is measured, declared once; how it is recorded into a Program, read back, made into records, handed out."""
