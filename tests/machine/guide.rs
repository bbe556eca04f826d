//! systemd/OPERATIONS.md as scripts: the blocks of each section, word by word.

use std::fs;
use std::path::Path;

use crate::machine::{Machine, Said};

/// A section's title and its blocks.
type Section = (String, Vec<String>);

/// All sections of the document.
pub(crate) struct Guide {
    sections: Vec<Section>,
}

impl Guide {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/OPERATIONS.md");
        let text = fs::read_to_string(path).unwrap();
        let mut sections: Vec<Section> = Vec::new();
        let mut block: Option<(usize, String)> = None;
        for line in text.lines() {
            let indent = line.len() - line.trim_start().len();
            match &mut block {
                Some(_) if line.trim() == "```" => {
                    let (_, text) = block.take().unwrap();
                    sections.last_mut().unwrap().1.push(text);
                }
                // What stands in a numbered step is indented as a whole.
                Some((deep, text)) => {
                    text.push_str(line.get(*deep..).unwrap_or_default());
                    text.push('\n');
                }
                None if line.trim() == "```sh" => block = Some((indent, String::new())),
                None => {
                    assert!(!line.trim_start().starts_with("```"), "not sh: {line}");
                    if let Some(title) = line.strip_prefix("## ") {
                        sections.push((title.to_owned(), Vec::new()));
                    }
                }
            }
        }
        assert!(block.is_none(), "a block has no end");
        Self { sections }
    }

    /// The titles of the sections that hold something to run.
    pub(crate) fn titles(&self) -> Vec<&str> {
        let with_blocks = self
            .sections
            .iter()
            .filter(|(_, blocks)| !blocks.is_empty());
        with_blocks.map(|(title, _)| title.as_str()).collect()
    }

    /// The blocks of one section.
    pub(crate) fn blocks(&self, title: &str) -> &[String] {
        let found = self.sections.iter().find(|(it, _)| it == title);
        let (_, blocks) = found.unwrap_or_else(|| panic!("there is no section {title}"));
        assert!(!blocks.is_empty(), "{title} holds nothing to run");
        blocks
    }

    /// Runs a section as a person would: one shell, each block after the other. Every command must
    /// succeed. Answers what was printed.
    pub(crate) fn run(&self, machine: &Machine, title: &str) -> String {
        run(machine, self.blocks(title))
    }
}

/// Runs blocks in one shell.
pub(crate) fn run(machine: &Machine, blocks: &[String]) -> String {
    let script = format!("set -eux; {}", blocks.concat());
    let Said { ok, all, out } = machine.try_sh(&script);
    assert!(ok, "{all}\n{}", machine.told());
    out
}
