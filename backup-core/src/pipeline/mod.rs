//! From a source to a sealed object in a store, and back, in bounded memory.
