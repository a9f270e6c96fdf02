//! Config files as data: typed states per key, and the matrix over variants.
