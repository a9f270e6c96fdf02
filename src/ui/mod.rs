//! PURE. State to frame.
