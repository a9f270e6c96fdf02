//! The conventions: each rule on its fixtures, all of them on the accepted ports, and the command line around them.

mod command;
mod rules;
