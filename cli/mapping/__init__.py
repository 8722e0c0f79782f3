"""`rollcall mapping`: a source file proposed from an HR file, checked against one, and compared with another."""
