//! Where the halves stand. Pure geometry, shared by the update and the drawing.

use super::Half;

/// From this width the two halves stand side by side; below, the active one fills the pane.
const TWO_HALVES: u16 = 84;

/// Where the halves stand inside the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Halves {
    /// First column and width; width zero where it is not shown.
    pub reference: (u16, u16),
    pub port: (u16, u16),
}

impl Halves {
    pub(super) fn half_at(&self, column: u16) -> Option<Half> {
        let inside = |(first, width): (u16, u16)| column >= first && column < first + width;
        match (inside(self.reference), inside(self.port)) {
            (true, _) => Some(Half::Reference),
            (_, true) => Some(Half::Port),
            _ => None,
        }
    }
}

/// Lays the halves out; one column between them is the divider.
pub fn halves((width, _): (u16, u16), active: Half) -> Halves {
    if width >= TWO_HALVES {
        let left = width / 2;
        return Halves { reference: (0, left), port: (left + 1, width - left - 1) };
    }
    match active {
        Half::Reference => Halves { reference: (0, width), port: (0, 0) },
        Half::Port => Halves { reference: (0, 0), port: (0, width) },
    }
}

/// Rows of code: without the title above and the note below.
pub fn code_height((_, height): (u16, u16)) -> u16 {
    height.saturating_sub(2)
}
