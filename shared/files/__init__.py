"""Bytes to records: archives, workbooks, encodings, delimiters, damage."""
