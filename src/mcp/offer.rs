//! Which tools another agent is offered, and how they are described to it.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::agent::data::ToolSpec;
use crate::tools::paths::Writable;
use crate::tools::registry::specs;
use crate::tools::{Class, Reach, Registry, ToolError};

/// Whether the person lets the agent write the port and its test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edits {
    No,
    /// The port and its test, without a question for each.
    Own,
}

/// The argument that says which model type is meant, where the server was started for none.
pub const MODEL_TYPE: &str = "model_type";
/// Stands for a model type in descriptions.
const ANY: &str = "MODEL_TYPE";

/// Says why a tool is not offered; nothing where it is.
pub fn refused(name: &str, class: Class, edits: Edits) -> Option<String> {
    match class {
        Class::Read | Class::Check => None,
        Class::Edit(Reach::Own) if edits == Edits::Own => None,
        Class::Edit(Reach::Own) => Some(format!(
            "`{name}` is not offered: this server reads and checks only; the person may start it with `mlxport mcp --allow-edits`, \
             which gives the port and its test"
        )),
        Class::Edit(Reach::Shared | Reach::Lessons) => Some(format!(
            "`{name}` is never offered over MCP: the person is asked for each such edit, in mlxport's own chat"
        )),
    }
}

/// Lists the tools.
pub fn tools(model_type: Option<&str>, edits: Edits) -> Result<Vec<Tool>, ToolError> {
    let own = Writable::new(model_type.unwrap_or(ANY))?;
    let offered = specs(&own).into_iter().filter_map(|spec| {
        let class = Registry::class(&spec.name)?;
        refused(&spec.name, class, edits).is_none().then(|| tool(spec, class, model_type))
    });
    Ok(offered.collect())
}

fn tool(spec: ToolSpec, class: Class, model_type: Option<&str>) -> Tool {
    let mut schema = match spec.schema {
        Value::Object(schema) => schema,
        _ => serde_json::Map::new(),
    };
    if model_type.is_none() {
        any_type(&mut schema);
    }
    let edits = matches!(class, Class::Edit(_));
    // A pack is a new file in the data folder, and what it is made for.
    let writes = edits || spec.name == "write_golden";
    let notes = ToolAnnotations::with_title(spec.name.replace('_', " "))
        .read_only(!writes)
        .destructive(edits)
        .open_world(matches!(spec.name.as_str(), "inventory" | "check_load"));
    let mut tool = Tool::new(spec.name, spec.description.replace('\n', " "), Arc::new(schema));
    tool.annotations = Some(notes);
    tool
}

/// Makes the model type an argument, and what depends on it a description.
fn any_type(schema: &mut serde_json::Map<String, Value>) {
    let Some(Value::Object(fields)) = schema.get_mut("properties") else { return };
    if let Some(Value::Object(path)) = fields.get_mut("path")
        && let Some(names) = path.remove("enum")
    {
        let names: Vec<&str> = names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        path.insert("description".into(), names.join(" or ").into());
    }
    let about =
        "The architecture's model_type, as in config.json; names the port mlx_lm/models/MODEL_TYPE.py";
    fields.insert(MODEL_TYPE.into(), json!({"type": "string", "description": about}));
    let mut required = match schema.remove("required") {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    required.push(MODEL_TYPE.into());
    schema.insert("required".into(), required.into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(edits: Edits) -> Vec<String> {
        tools(Some("arcee"), edits).expect("tools").iter().map(|tool| tool.name.to_string()).collect()
    }

    #[test]
    fn edits_are_offered_only_where_the_person_said_so_and_shared_files_never() {
        let (plain, with) = (names(Edits::No), names(Edits::Own));
        assert!(plain.contains(&"check_twin".to_string()) && !plain.contains(&"edit_port".to_string()));
        let more: Vec<&String> = with.iter().filter(|name| !plain.contains(name)).collect();
        assert_eq!(more, ["write_port", "edit_port", "edit_test", "format_port"]);
        assert!(!with.contains(&"edit_shared".to_string()) && !with.contains(&"add_lesson".to_string()));
    }

    #[test]
    fn a_server_for_no_type_asks_for_it_in_each_call() {
        let all = tools(None, Edits::Own).expect("tools");
        for tool in &all {
            assert!(tool.input_schema["properties"][MODEL_TYPE].is_object(), "{}", tool.name);
            let required = tool.input_schema["required"].as_array().expect("a list");
            assert!(required.contains(&MODEL_TYPE.into()), "{}", tool.name);
        }
        let edit = all.iter().find(|tool| tool.name == "edit_port").expect("there");
        let path = &edit.input_schema["properties"]["path"];
        assert_eq!(path["description"], "mlx_lm/models/MODEL_TYPE.py or tests/test_models.py");
        assert!(path.get("enum").is_none());
        let fixed = tools(Some("arcee"), Edits::Own).expect("tools");
        assert!(fixed.iter().all(|tool| tool.input_schema["properties"].get(MODEL_TYPE).is_none()));
    }
}
