//! `mlxport setup`: every step, every way it can break, and going on after it.

mod baseline;
mod broken;
mod resume;
mod shared;
mod world;
