//! Which class of the port answers to which class of the reference. First by structure (the same attribute of paired
//! classes), then by role, name and attributes for what is left. Every pair carries its reason.

use super::data::{SourceDoc, Symbol, SymbolKind};
use super::symbols::{alias, bases, top_class};

/// A class, method or function of the reference and its counterpart in the port, by dotted path.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub reference: String,
    pub port: String,
    /// 0 to 1.
    pub score: f32,
    pub reason: String,
}

/// All pairs of two files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pairing {
    pub pairs: Vec<Pair>,
}

impl Pairing {
    /// Gives the counterpart in the port, or of the nearest symbol around it.
    pub fn port_of(&self, reference: &str) -> Option<&Pair> {
        around(reference).find_map(|path| self.pairs.iter().find(|pair| pair.reference == path))
    }

    /// Gives the counterpart in the reference, or of the nearest symbol around it.
    pub fn reference_of(&self, port: &str) -> Option<&Pair> {
        around(port).find_map(|path| self.pairs.iter().find(|pair| pair.port == path))
    }
}

/// Pairs a reference with a port.
pub fn pair(reference: &SourceDoc, port: &SourceDoc) -> Pairing {
    let mut pairs = Vec::new();
    if let (Some(ours), Some(theirs)) = (top_class(reference), top_class(port)) {
        let mut walk = Structure { reference, port, pairs: &mut pairs };
        walk.add(ours, theirs, 1.0, "both are the whole model".into());
    }
    by_likeness(reference, port, &mut pairs);
    for index in 0..pairs.len() {
        let (ours, theirs) = (pairs[index].reference.clone(), pairs[index].port.clone());
        methods(reference, port, (&ours, &theirs), &mut pairs);
    }
    let functions = |symbol: &&Symbol| symbol.kind == SymbolKind::Function && symbol.depth == 0;
    for symbol in reference.symbols.iter().filter(functions) {
        if port.symbols.iter().filter(functions).any(|other| other.name == symbol.name) {
            pairs.push(same(&symbol.path, &symbol.path, "the same name"));
        }
    }
    Pairing { pairs }
}

struct Structure<'a> {
    reference: &'a SourceDoc,
    port: &'a SourceDoc,
    pairs: &'a mut Vec<Pair>,
}

impl Structure<'_> {
    /// Adds a pair and goes on with the children that both classes have. Ends, since each class is paired once.
    fn add(&mut self, ours: &Symbol, theirs: &Symbol, score: f32, reason: String) {
        if taken(self.pairs, &ours.path, &theirs.path) {
            return;
        }
        self.pairs.push(Pair { reference: ours.path.clone(), port: theirs.path.clone(), score, reason });
        for (name, classes) in modules(self.reference, ours) {
            let other =
                modules(self.port, theirs).into_iter().find(|(other, _)| alias(other) == alias(&name));
            let Some((_, others)) = other else { continue };
            for mine in classes.iter().filter_map(|class| self.reference.symbol(class)) {
                let candidates = others.iter().filter_map(|class| self.port.symbol(class));
                let best =
                    candidates.filter(|other| !taken(self.pairs, &mine.path, &other.path)).max_by(|a, b| {
                        likeness(self.reference, mine, self.port, a).total_cmp(&likeness(
                            self.reference,
                            mine,
                            self.port,
                            b,
                        ))
                    });
                if let Some(best) = best {
                    let reason = format!("`{name}` of {} and of {}", ours.name, theirs.name);
                    self.add(mine, best, 0.95, reason);
                }
            }
        }
    }
}

fn by_likeness(reference: &SourceDoc, port: &SourceDoc, pairs: &mut Vec<Pair>) {
    let mut ranked = Vec::new();
    for ours in reference.classes() {
        for theirs in port.classes() {
            let score = likeness(reference, ours, port, theirs);
            if score >= 0.45 {
                ranked.push((score, ours, theirs));
            }
        }
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (score, ours, theirs) in ranked {
        if !taken(pairs, &ours.path, &theirs.path) {
            let shared = shared_names(reference, ours, port, theirs);
            let reason = match (role(&ours.name), shared.is_empty()) {
                (Some(role), true) => format!("both are {role}"),
                (Some(role), false) => format!("both are {role}; both have {}", list(&shared)),
                (None, false) => format!("both have {}", list(&shared)),
                (None, true) => "names alike".into(),
            };
            pairs.push(Pair { reference: ours.path.clone(), port: theirs.path.clone(), score, reason });
        }
    }
}

/// How alike two classes are: role, then attributes, then name.
fn likeness(reference: &SourceDoc, ours: &Symbol, port: &SourceDoc, theirs: &Symbol) -> f32 {
    let (mine, other) = (role(&ours.name), role(&theirs.name));
    if mine.is_some() && other.is_some() && mine != other {
        return 0.0;
    }
    let by_role = if mine.is_some() && mine == other { 0.5 } else { 0.0 };
    let (a, b) = (names(reference, ours), names(port, theirs));
    let both = a.iter().filter(|name| b.contains(name)).count() as f32;
    let all = (a.len() + b.len()) as f32 - both;
    let by_names = if all > 0.0 { 0.35 * both / all } else { 0.0 };
    let same_end = ours.name.ends_with(&theirs.name) || theirs.name.ends_with(&ours.name);
    by_role + by_names + if ours.name == theirs.name || same_end { 0.15 } else { 0.0 }
}

fn methods(reference: &SourceDoc, port: &SourceDoc, (ours, theirs): (&str, &str), pairs: &mut Vec<Pair>) {
    let inside = format!("{ours}.");
    for method in reference.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Method) {
        if method.path.strip_prefix(&inside) != Some(method.name.as_str()) {
            continue;
        }
        let name = if method.name == "forward" { "__call__" } else { &method.name };
        let other = format!("{theirs}.{name}");
        if port.symbol(&other).is_some() {
            let reason = if name == method.name { "the same name" } else { "forward is __call__ in MLX" };
            pairs.push(same(&method.path, &other, reason));
        }
    }
}

fn same(reference: &str, port: &str, reason: &str) -> Pair {
    Pair { reference: reference.into(), port: port.into(), score: 1.0, reason: reason.into() }
}

fn taken(pairs: &[Pair], ours: &str, theirs: &str) -> bool {
    pairs.iter().any(|pair| pair.reference == ours || pair.port == theirs)
}

/// The children that are modules, the bases' too.
fn modules(doc: &SourceDoc, class: &Symbol) -> Vec<(String, Vec<String>)> {
    let all = std::iter::once(class).chain(bases(doc, class)).flat_map(|class| &class.children);
    all.filter(|child| !child.classes.is_empty())
        .map(|child| (child.name.clone(), child.classes.clone()))
        .collect()
}

fn names(doc: &SourceDoc, class: &Symbol) -> Vec<String> {
    modules(doc, class).into_iter().map(|(name, _)| alias(&name).to_string()).collect()
}

fn shared_names(reference: &SourceDoc, ours: &Symbol, port: &SourceDoc, theirs: &Symbol) -> Vec<String> {
    let other = names(port, theirs);
    names(reference, ours).into_iter().filter(|name| other.contains(name)).collect()
}

/// What a class is for, by the end of its name.
pub(super) fn role(name: &str) -> Option<&'static str> {
    const ROLES: [(&str, &str); 24] = [
        ("PreTrainedModel", "the base class"),
        ("ForCausalLM", "the whole model"),
        ("ForConditionalGeneration", "the whole model"),
        ("LMHeadModel", "the whole model"),
        ("SparseMoeBlock", "the mixture of experts"),
        ("MoeBlock", "the mixture of experts"),
        ("MoEBlock", "the mixture of experts"),
        ("MoE", "the mixture of experts"),
        ("Moe", "the mixture of experts"),
        ("Experts", "the experts"),
        ("Router", "the router"),
        ("Gate", "the router"),
        ("RotaryEmbedding", "the rotary embedding"),
        ("RoPE", "the rotary embedding"),
        ("Attention", "attention"),
        ("MLP", "the MLP"),
        ("FeedForward", "the MLP"),
        ("Norm", "a norm"),
        ("DecoderLayer", "a layer"),
        ("Block", "a layer"),
        ("Layer", "a layer"),
        ("Args", "the config"),
        ("Config", "the config"),
        ("Model", "the stack of layers"),
    ];
    if name == "Model" {
        return Some("the whole model");
    }
    ROLES.iter().find(|(end, _)| name.ends_with(end)).map(|(_, role)| *role)
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(4).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > 4 { format!("{shown}, …") } else { shown }
}

/// A path, then what is around it: `A.forward`, `A`.
fn around(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rsplit_once('.').map(|(outer, _)| outer))
}
