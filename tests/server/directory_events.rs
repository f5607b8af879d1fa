//! Events of the entries of a directory.
