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
fn readme_and_guide_hold_the_policies_word_for_word() {
    let (readme, guide) = (text_of("README.md"), text_of("docs/ec2.md"));
    for (name, text) in [("ship", &readme), ("read", &readme), ("hook", &guide), ("key", &guide)] {
        let policy = text_of(&format!("docs/iam/{name}.json"));
        assert!(text.contains(&format!("```json\n{policy}```\n")), "it lacks docs/iam/{name}.json");
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
