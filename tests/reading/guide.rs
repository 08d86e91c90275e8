//! What docs/query.md has people type.

use std::path::Path;

/// The blocks of a language below a heading, with directories of this test in place of those of the guide.
pub(super) fn blocks(heading: &str, language: &str, places: &[(&str, &Path)]) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/query.md");
    let guide = std::fs::read_to_string(path).expect("the guide");
    let (_, behind) = guide.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = behind.split("\n## ").next().unwrap_or_default();
    let fence = format!("\n```{language}\n");
    let blocks = section.split(&fence).skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.map(|block| placed(block, places)).collect()
}

fn placed(block: &str, places: &[(&str, &Path)]) -> String {
    places.iter().fold(block.to_owned(), |block, (name, path)| {
        assert!(!path.to_string_lossy().contains('\''), "a path that needs no quoting");
        block.replace(name, &path.to_string_lossy())
    })
}
