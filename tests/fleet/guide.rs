//! What the guide and the README say of a fleet is so.

use std::process::Command;

use super::text_of;
use crate::support::{example, finish};

#[test]
fn the_guide_holds_the_table_that_the_simulation_prints() {
    let table = finish(&mut Command::new(example("fleet-puts"))).expect(0).text();
    assert!(table.lines().count() > 10, "{table}");
    assert!(text_of("docs/ec2.md").contains(&table), "docs/ec2.md lacks this table:\n{table}");
}

#[test]
fn readme_and_guides_hold_the_policies_word_for_word_and_no_other() {
    let places = [
        ("ship", "README.md"),
        ("read", "README.md"),
        ("hook", "README.md"),
        ("hook", "docs/lifecycle.md"),
        ("key", "docs/ec2.md"),
    ];
    for (name, place) in places {
        let policy = text_of(&format!("docs/iam/{name}.json"));
        assert!(text_of(place).contains(&format!("```json\n{policy}```\n")), "{place} lacks docs/iam/{name}.json");
    }
    // And none that is in no file.
    for place in ["README.md", "docs/lifecycle.md", "docs/ec2.md"] {
        let shown = text_of(place).matches("\"2012-10-17\"").count();
        assert_eq!(shown, places.iter().filter(|(_, of)| *of == place).count(), "{place}");
    }
}

/// Every parameter that the guide names is one of the template's, and every one of the template's is in the guide, with its
/// default.
#[test]
fn the_guide_names_the_parameters_that_there_are() {
    let guide = text_of("docs/ec2.md");
    let table = guide.split("| parameter |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a table");
    let told = table.lines().filter(|line| line.starts_with("| `")).map(|row| {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let default = cells.last().and_then(|cell| cell.split(',').next()).unwrap_or_default();
        (cells[0].trim_matches('`').to_owned(), default.trim_matches('`').to_owned())
    });
    assert_eq!(told.collect::<Vec<_>>(), parameters());
}

/// The template's parameters and their defaults, "none" where there is none.
fn parameters() -> Vec<(String, String)> {
    let template = text_of("scripts/fleet.yaml");
    let parameters = template.split("\nParameters:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let mut named: Vec<(String, String)> = Vec::new();
    for line in parameters.expect("parameters").lines() {
        if let Some(name) = line.strip_prefix("  ").filter(|name| !name.starts_with(' ')) {
            named.push((name.trim_end_matches(':').to_owned(), "none".to_owned()));
        }
        let default = line.strip_prefix("    Default: ").filter(|default| *default != "\"\"");
        if let (Some(default), Some((_, told))) = (default, named.last_mut()) {
            default.clone_into(told);
        }
    }
    named
}
