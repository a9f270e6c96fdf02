//! Colours as tokens; the only place that names a colour.
