"""Paper: print what is ticked by hand, read it back, settle what is not certain.

`geometry` says where things lie on a sheet, `sheet` prints, `reading` reads. Printing needs no image library;
reading needs the extra `scan`.
"""
