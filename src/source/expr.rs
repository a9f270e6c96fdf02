//! Which classes an expression can make an instance of: `A(x)`, `[A(i) for i in n]`, `nn.ModuleList(…)`, `A(x) if c else B(x)`,
//! `TABLE[key](x)`, a local name assigned or appended to before. Guesses stop at calls of functions.

use std::collections::HashMap;

use tree_sitter::Node;

use super::data::Child;

/// What a name was given, by name: each assignment, and each thing appended.
pub(super) type Locals<'a> = HashMap<&'a str, Vec<Given<'a>>>;

#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    value: Node<'a>,
    appended: bool,
}

const DEEPEST: u8 = 24;

/// Gives `self.x = …` of one method's body.
pub(super) fn children<'a>(body: Node<'a>, text: &'a str, names: &Locals<'a>) -> Vec<Child> {
    let locals = assignments(body, text);
    let mut found: Vec<Child> = Vec::new();
    each_statement(body, &mut |node| {
        for (left, given) in given(node, text) {
            let Some(name) = self_name(left, text) else { continue };
            let mut makes = Makes { text, locals: &locals, names, classes: Vec::new(), list: given.appended };
            makes.look(given.value, 0);
            let line = left.start_position().row as u32 + 1;
            found.push(Child { name: name.to_string(), line, classes: makes.classes, list: makes.list });
        }
    });
    found
}

/// Gives what each plain name was assigned in a block, not inside its functions and classes.
pub(super) fn assignments<'a>(block: Node<'a>, text: &'a str) -> Locals<'a> {
    let mut locals: Locals<'a> = HashMap::new();
    each_statement(block, &mut |node| {
        for (left, given) in given(node, text) {
            if left.kind() == "identifier" {
                locals.entry(&text[left.byte_range()]).or_default().push(given);
            }
        }
    });
    locals
}

/// Calls `each` with every expression statement of a block, without entering definitions.
fn each_statement<'a>(block: Node<'a>, each: &mut impl FnMut(Node<'a>)) {
    let mut cursor = block.walk();
    if !cursor.goto_first_child() {
        return;
    }
    loop {
        let node = cursor.node();
        let inner = match node.kind() {
            "expression_statement" => {
                each(node);
                false
            }
            "function_definition" | "class_definition" | "decorated_definition" => false,
            kind => kind.ends_with("_statement") || kind.ends_with("_clause") || kind == "block",
        };
        if inner && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() || cursor.node() == block {
                return;
            }
        }
    }
}

/// The pairs of target and value of `a = v`, `a = b = v`, `a, b = v, w` and `a.append(v)`.
fn given<'a>(statement: Node<'a>, text: &str) -> Vec<(Node<'a>, Given<'a>)> {
    let Some(node) = statement.named_child(0) else { return Vec::new() };
    match node.kind() {
        "assignment" => assigned(node),
        "call" => appended(node, text).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn assigned(node: Node<'_>) -> Vec<(Node<'_>, Given<'_>)> {
    let mut targets = Vec::new();
    let mut at = node;
    loop {
        let (Some(left), Some(right)) = (at.child_by_field_name("left"), at.child_by_field_name("right"))
        else {
            return Vec::new();
        };
        targets.push(left);
        if right.kind() != "assignment" {
            at = right;
            break;
        }
        at = right;
    }
    let mut pairs = Vec::new();
    for left in targets {
        let sides = (left.kind(), at.kind());
        if sides.0 == "pattern_list" && matches!(sides.1, "expression_list" | "tuple") {
            let (mut here, mut there) = (left.walk(), at.walk());
            let values = at.named_children(&mut there);
            let names = left.named_children(&mut here);
            pairs.extend(names.zip(values).map(|(name, value)| (name, Given { value, appended: false })));
        } else {
            pairs.push((left, Given { value: at, appended: false }));
        }
    }
    pairs
}

fn appended<'a>(call: Node<'a>, text: &str) -> Option<(Node<'a>, Given<'a>)> {
    let function = call.child_by_field_name("function").filter(|function| function.kind() == "attribute")?;
    let name = function.child_by_field_name("attribute")?;
    if !matches!(&text[name.byte_range()], "append" | "extend" | "add_module" | "register_module") {
        return None;
    }
    let arguments = call.child_by_field_name("arguments")?;
    let value = arguments.named_child(arguments.named_child_count().checked_sub(1)? as u32)?;
    Some((function.child_by_field_name("object")?, Given { value, appended: true }))
}

fn self_name<'a>(node: Node<'_>, text: &'a str) -> Option<&'a str> {
    let object = (node.kind() == "attribute").then(|| node.child_by_field_name("object")).flatten()?;
    let name = node.child_by_field_name("attribute")?;
    (&text[object.byte_range()] == "self").then(|| &text[name.byte_range()])
}

struct Makes<'a, 'b> {
    text: &'a str,
    locals: &'b Locals<'a>,
    names: &'b Locals<'a>,
    classes: Vec<String>,
    list: bool,
}

impl<'a> Makes<'a, '_> {
    fn look(&mut self, node: Node<'a>, depth: u8) {
        if depth > DEEPEST {
            return;
        }
        match node.kind() {
            "call" => self.call(node, depth),
            "list" | "tuple" | "set" | "dictionary" => {
                self.list = true;
                self.each_child(node, depth);
            }
            "list_comprehension" | "dictionary_comprehension" | "generator_expression" => {
                self.list = true;
                if let Some(body) = node.child_by_field_name("body") {
                    self.look(body, depth + 1);
                }
            }
            "pair" => {
                if let Some(value) = node.child_by_field_name("value") {
                    self.look(value, depth + 1);
                }
            }
            "conditional_expression" => {
                // The middle one is the condition.
                for index in [0, 2] {
                    if let Some(branch) = node.named_child(index) {
                        self.look(branch, depth + 1);
                    }
                }
            }
            "boolean_operator"
            | "binary_operator"
            | "parenthesized_expression"
            | "list_splat"
            | "expression_list"
            | "as_pattern" => self.each_child(node, depth),
            "identifier" => self.local(node, depth),
            _ => {}
        }
    }

    fn each_child(&mut self, node: Node<'a>, depth: u8) {
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.look(child, depth + 1);
        }
    }

    fn call(&mut self, node: Node<'a>, depth: u8) {
        let Some(function) = node.child_by_field_name("function") else { return };
        let shown = &self.text[function.byte_range()];
        let last = shown.rsplit('.').next().unwrap_or(shown);
        if matches!(last, "ModuleList" | "ModuleDict" | "Sequential" | "list" | "tuple") {
            self.list = true;
            if let Some(arguments) = node.child_by_field_name("arguments") {
                self.each_child(arguments, depth);
            }
            return;
        }
        self.made_by(function, depth);
    }

    /// The classes that a called expression can be.
    fn made_by(&mut self, function: Node<'a>, depth: u8) {
        if depth > DEEPEST {
            return;
        }
        let shown = &self.text[function.byte_range()];
        let last = shown.rsplit('.').next().unwrap_or(shown);
        match function.kind() {
            "identifier" | "attribute" if last.starts_with(|c: char| c.is_ascii_uppercase()) => {
                self.add(shown)
            }
            "identifier" => {
                for given in self.known(shown) {
                    self.made_by(given.value, depth + 1);
                }
            }
            "subscript" => {
                if let Some(table) = function.child_by_field_name("value") {
                    for given in self.known(&self.text[table.byte_range()]) {
                        self.values(given.value, depth + 1);
                    }
                }
            }
            "conditional_expression" => {
                for index in [0, 2] {
                    if let Some(branch) = function.named_child(index) {
                        self.made_by(branch, depth + 1);
                    }
                }
            }
            "parenthesized_expression" => {
                if let Some(inner) = function.named_child(0) {
                    self.made_by(inner, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// The classes named as values of a table.
    fn values(&mut self, table: Node<'a>, depth: u8) {
        if table.kind() != "dictionary" {
            return;
        }
        let mut cursor = table.walk();
        let pairs: Vec<_> = table.named_children(&mut cursor).collect();
        for value in pairs.into_iter().filter_map(|pair| pair.child_by_field_name("value")) {
            self.made_by(value, depth + 1);
        }
    }

    fn local(&mut self, node: Node<'a>, depth: u8) {
        let name = &self.text[node.byte_range()];
        for given in self.locals.get(name).cloned().unwrap_or_default() {
            // `x = f(x)` would look for itself for ever.
            if given.value.id() != node.id() && !given.value.byte_range().contains(&node.start_byte()) {
                self.list |= given.appended;
                self.look(given.value, depth + 6);
            }
        }
    }

    fn known(&self, name: &str) -> Vec<Given<'a>> {
        self.locals.get(name).or_else(|| self.names.get(name)).cloned().unwrap_or_default()
    }

    fn add(&mut self, class: &str) {
        if !self.classes.iter().any(|known| known == class) {
            self.classes.push(class.to_string());
        }
    }
}
