//! The policy profile: upstream's fields in our own words, for a checkout that has no template (a release from PyPI).

use super::{Template, TemplateSource, parse};

// The shape that the parser knows; the wording is ours, so the screen says that this is not upstream's file.
const FIELDS: &str = "\
## Requirements

- [ ] The prose of this pull request is my own; no AI wrote it
- AI usage disclosure: 

## Model

- Name: 
- Homepage: 
- Reference implementation: 

## Supported checkpoints

- https://huggingface.co/___/___

## Verification

Command:

```console
mlx_lm.generate --model ___/___ -p \"The secret to baking a good cake is\" -m 1024
```

Output:

```
```

## Reference output (if you have the hardware)

Output:

```
```
";

/// Gives the profile as a template.
pub fn profile() -> Template {
    parse(FIELDS, TemplateSource::Profile)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{FieldKind, Need};
    use super::*;
    use crate::pr::data::{Voice, VoiceKey};

    fn shape(template: &Template) -> Vec<(String, FieldKind, Need)> {
        template.fields().map(|field| (field.id.0.clone(), field.kind, field.need)).collect()
    }

    #[test]
    fn the_profile_has_upstreams_fields() {
        use FieldKind::{Command, Disclosure, Line, List, Output, Requirement};
        let required = |id: &str, kind| (id.to_string(), kind, Need::Required);
        let expected = vec![
            required("requirements/the-prose-of-this-pull-request", Requirement),
            required("requirements/ai-usage-disclosure", Disclosure),
            required("model/name", Line),
            required("model/homepage", Line),
            required("model/reference-implementation", Line),
            required("supported-checkpoints/supported-checkpoints", List),
            required("verification/command", Command),
            required("verification/output", Output),
            ("reference-output/output".to_string(), Output, Need::Optional),
        ];
        assert_eq!(shape(&profile()), expected);
    }

    #[test]
    fn nothing_is_ticked_or_filled_until_the_person_types() {
        let template = profile();
        assert_eq!(template.own_text(), FIELDS);
        let voices: BTreeMap<_, _> =
            template.fields().map(|field| (field.id.clone(), field.voice())).collect();
        assert_eq!(template.render(&voices), FIELDS);
        assert_eq!(template.missing(&voices).count(), 8);
    }

    #[test]
    fn typed_fields_stand_in_their_places() {
        let template = profile();
        let mut voices = BTreeMap::new();
        for (at, field) in template.fields().enumerate().filter(|(at, _)| [0, 1, 7].contains(at)) {
            let mut voice = Voice::default();
            match at {
                7 => voice.insert_program_output("3f2a", "cake"),
                _ => "yes".chars().for_each(|c| voice.type_key(VoiceKey::Char(c))),
            }
            voices.insert(field.id.clone(), voice);
        }
        let body = template.render(&voices);
        assert!(body.starts_with("## Requirements\n\n- [x] The prose"), "{body}");
        assert!(body.contains("\n- AI usage disclosure: yes\n"), "{body}");
        assert!(body.contains("Output:\n\n```text run 3f2a\ncake\n```\n\n## Reference"), "{body}");
        assert_eq!(template.missing(&voices).count(), 5);
    }

    #[test]
    fn text_that_is_not_understood_survives_to_the_byte() {
        for text in [
            "",
            "no newline",
            "## Only a heading",
            "# A\n\n<!-- b -->\n\n## C\ntext\n- [x] y\r\n",
            "```\nopen",
        ] {
            let template = parse(text, TemplateSource::Profile);
            assert_eq!(template.own_text(), text);
        }
    }
}
