//! Finds upstream's template in the checkout.

use std::path::Path;

use super::PrError;
use super::data::template::{self, Template, TemplateSource};
use crate::util::fs::read_text;
use crate::util::id::sha256_hex;

/// Upstream's template for new models.
pub const TEMPLATE: &str = ".github/PULL_REQUEST_TEMPLATE/new_model.md";

/// Reads the template from the checkout, unchanged; a checkout without one gets the policy profile's fields.
pub async fn template(checkout: &Path) -> Result<Template, PrError> {
    let path = checkout.join(TEMPLATE);
    if !path.is_file() {
        return Ok(template::profile());
    }
    let text = read_text(&path)?;
    let source = TemplateSource::Checkout { path: TEMPLATE.into(), sha256: sha256_hex(text.as_bytes()) };
    Ok(template::parse(&text, source))
}
