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
    let places = [("ship", "README.md"), ("read", "README.md"), ("hook", "docs/lifecycle.md"), ("key", "docs/ec2.md")];
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

/// Every parameter that the guide names is one of the template's, and every one of the template's is in the guide.
#[test]
fn the_guide_names_the_parameters_that_there_are() {
    let template = text_of("scripts/fleet.yaml");
    let parameters = template.split("\nParameters:\n").nth(1).and_then(|rest| rest.split("\nResources:\n").next());
    let names = |text: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':').map(str::to_owned))
            .filter(|name| !name.starts_with(' '))
            .collect()
    };
    let guide = text_of("docs/ec2.md");
    let table = guide.split("| parameter |").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a table");
    let told: Vec<String> =
        table.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split('`').next()?.to_owned())).collect();
    assert_eq!(names(parameters.expect("parameters")), told);
}
