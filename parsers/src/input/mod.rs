//! Files, folders, globs and standard input as streams of bytes, decompressed on the way.
