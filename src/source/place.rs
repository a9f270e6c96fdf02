//! Module path to source: which class implements `model.layers.0.mlp`, by walking `self.x = Class(…)` from the top class.
//! Works the same on torch and on MLX files, so a divergence is found even when nobody gives file and line.

use super::data::{Child, SourceDoc, Symbol};
use super::symbols::{alias, bases, lookup, top_class};

/// Where a module of the running model is in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The class that implements it, or the class that holds it when it comes from elsewhere (`nn.Linear`).
    pub class: String,
    /// The line to show: the method that computes it, or the line that makes it.
    pub line: u32,
    /// All lines of the class.
    pub first: u32,
    pub last: u32,
    /// Other classes of the file that it can be.
    pub others: Vec<String>,
    /// How it was found, in words.
    pub reason: String,
}

/// Finds the place of a module. `None` when a name on the way is not in the file.
pub fn place(doc: &SourceDoc, module: &str) -> Option<Place> {
    let names: Vec<&str> = module.split('.').filter(|name| !name.is_empty() && !is_index(name)).collect();
    let top = top_class(doc)?;
    let Some(first) = names.first() else { return Some(of_class(doc, top, "the whole model", Vec::new())) };
    let start = start_class(doc, top, first)?;
    // A path can start above the class that has its first name: skip what the top class does not know.
    let names = if child(doc, start, first).is_some() { &names[..] } else { &names[1..] };
    walk(doc, start, names)
}

fn walk(doc: &SourceDoc, start: &Symbol, names: &[&str]) -> Option<Place> {
    let mut class = start;
    let mut reason = "the whole model".to_string();
    let mut others = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let (owner, child) = child(doc, class, name)?;
        let mut known: Vec<&Symbol> = child.classes.iter().filter_map(|class| doc.symbol(class)).collect();
        if known.is_empty() {
            return Some(of_child(owner, child));
        }
        // Dense or sparse, full or sliding: the class that has the next name.
        let next = names.get(index + 1);
        let fits =
            next.and_then(|next| known.iter().position(|class| self::child(doc, class, next).is_some()));
        let chosen = known.remove(fits.unwrap_or(0));
        others = known.iter().map(|class| class.path.clone()).collect();
        reason = format!("`{name}` of {} is {}", owner.path, chosen.path);
        class = chosen;
    }
    Some(of_class(doc, class, &reason, others))
}

fn start_class<'a>(doc: &'a SourceDoc, top: &'a Symbol, first: &str) -> Option<&'a Symbol> {
    if child(doc, top, first).is_some() {
        return Some(top);
    }
    let classes = top.children.iter().flat_map(|child| &child.classes).filter_map(|class| doc.symbol(class));
    let inside = classes.clone().find(|class| child(doc, class, first).is_some());
    // `model.layers` where the top class holds its layers itself.
    let flat = || matches!(first, "model" | "transformer" | "language_model").then_some(top);
    inside.or_else(flat)
}

/// Finds a child of a class or of its bases, and the class that makes it; else one that other authors call differently.
fn child<'a>(doc: &'a SourceDoc, class: &'a Symbol, name: &str) -> Option<(&'a Symbol, &'a Child)> {
    let all = || std::iter::once(class).chain(bases(doc, class));
    let exact = all().find_map(|class| class.child(name).map(|child| (class, child)));
    let same = |child: &&Child| alias(&child.name) == alias(name);
    exact.or_else(|| all().find_map(|class| class.children.iter().find(same).map(|child| (class, child))))
}

fn of_class(doc: &SourceDoc, class: &Symbol, reason: &str, others: Vec<String>) -> Place {
    let method =
        ["forward", "__call__"].iter().find_map(|name| lookup(doc, &format!("{}.{name}", class.path)));
    Place {
        class: class.path.clone(),
        line: method.map_or(class.line, |method| method.line),
        first: class.first,
        last: class.last,
        others,
        reason: reason.to_string(),
    }
}

fn of_child(owner: &Symbol, child: &Child) -> Place {
    let made = if child.classes.is_empty() { "made".into() } else { child.classes.join(" or ") };
    Place {
        class: owner.path.clone(),
        line: child.line,
        first: owner.first,
        last: owner.last,
        others: Vec::new(),
        reason: format!("`{}` of {} is {made}, from another file", child.name, owner.path),
    }
}

fn is_index(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const TORCH: &str = "\
class AMLP(nn.Module):
    def __init__(self, config):
        self.up_proj = nn.Linear(1, 1)
    def forward(self, x):
        return self.up_proj(x)
class AMoe(nn.Module):
    def __init__(self, config):
        self.gate = Router(config)
        self.experts = nn.ModuleList([AMLP(config) for _ in range(4)])
    def forward(self, x):
        return x
class ALayer(Base):
    def __init__(self, config):
        self.mlp = AMoe(config) if config.moe else AMLP(config)
    def forward(self, x):
        return self.mlp(x)
class Shared(nn.Module):
    def __init__(self, config):
        self.layers = nn.ModuleList([ALayer(config) for _ in range(2)])
class AModel(Shared):
    def __init__(self, config):
        super().__init__(config)
        self.norm = nn.RMSNorm(1)
class AForCausalLM(nn.Module):
    def __init__(self, config):
        self.model = AModel(config)
        self.lm_head = nn.Linear(1, 1)
";

    fn at(module: &str) -> Option<(String, u32)> {
        place(&parse("a.py", TORCH), module).map(|place| (place.class, place.line))
    }

    #[test]
    fn a_module_path_leads_to_the_class_that_computes_it() {
        let own = |class: &str, line| Some((class.to_string(), line));
        assert_eq!(at("model.layers.0"), own("ALayer", 15));
        assert_eq!(at("model.layers.0.mlp"), own("AMoe", 10));
        assert_eq!(at("model.layers.0.mlp.up_proj"), own("AMLP", 3));
        assert_eq!(at("model.layers.0.mlp.experts.3"), own("AMLP", 4));
        assert_eq!(at("layers.1.mlp.gate"), own("AMoe", 8));
        assert_eq!(at("model.norm"), own("AModel", 23));
        assert_eq!(at("lm_head"), own("AForCausalLM", 27));
        assert_eq!(at(""), own("AForCausalLM", 24));
        assert_eq!(at("model.layers.0.nothing"), None);
    }

    #[test]
    fn the_reason_names_who_made_it() {
        let found = place(&parse("a.py", TORCH), "model.layers.0.mlp").expect("a place");
        assert_eq!(found.reason, "`mlp` of ALayer is AMoe");
        assert_eq!(found.others, ["AMLP"]);
        assert_eq!((found.first, found.last), (6, 11));
    }
}
