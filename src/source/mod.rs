//! Python sources as data: outline, highlighting, symbols, search, pairs, nearest accepted port.
