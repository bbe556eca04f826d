//! The guides in docs/operating as scripts: the blocks of each section, word by word.

use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::{Machine, Said};

/// What a test runs. Blocks of other languages, and ```sh,norun, only show something.
const RUN: &str = "sh";

/// A section of a guide.
struct Section {
    /// The file without its ending: `backup`.
    file: String,
    title: String,
    blocks: Vec<String>,
}

/// All sections of all guides.
pub(crate) struct Guide {
    sections: Vec<Section>,
}

impl Guide {
    pub(crate) fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating");
        let entries = fs::read_dir(folder).unwrap();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
        files.sort();
        let sections = files.iter().flat_map(|path| sections_of(path)).collect();
        Self { sections }
    }

    /// The files and titles of the sections that hold something to run.
    pub(crate) fn titles(&self) -> Vec<(&str, &str)> {
        let with_blocks = self.sections.iter().filter(|it| !it.blocks.is_empty());
        with_blocks
            .map(|it| (it.file.as_str(), it.title.as_str()))
            .collect()
    }

    /// Runs a section of a file as a person would: one shell, each block after the other. Every
    /// command must succeed. Returns what was printed.
    pub(crate) fn run(&self, machine: &Machine, file: &str, title: &str) -> String {
        let section = (self.sections.iter()).find(|it| it.file == file && it.title == title);
        let blocks = section.map(|it| it.blocks.concat()).unwrap_or_default();
        assert!(
            !blocks.is_empty(),
            "{file}, {title}: there is nothing to run"
        );
        let Said { ok, all, out } = machine.try_sh(&format!("set -eux; {blocks}"));
        assert!(ok, "{all}\n{}", machine.told());
        out
    }
}

fn sections_of(path: &Path) -> Vec<Section> {
    let file = path.file_stem().unwrap().to_str().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let mut sections: Vec<Section> = Vec::new();
    // The indentation of a block, and its text if it is one to run.
    let mut block: Option<(usize, Option<String>)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match &mut block {
            Some(_) if line.trim() == "```" => {
                if let Some((_, Some(text))) = block.take() {
                    sections.last_mut().unwrap().blocks.push(text);
                }
            }
            // A block in a numbered step is indented as a whole.
            Some((deep, Some(text))) => {
                text.push_str(line.get(*deep..).unwrap_or_default());
                text.push('\n');
            }
            Some((_, None)) => {}
            None => {
                if let Some(language) = line.trim_start().strip_prefix("```") {
                    assert!(!language.is_empty(), "{file}: a block has no language");
                    block = Some((indent, (language == RUN).then(String::new)));
                } else if let Some(title) = line.strip_prefix("## ") {
                    sections.push(Section {
                        file: file.to_owned(),
                        title: title.to_owned(),
                        blocks: Vec::new(),
                    });
                }
            }
        }
    }
    assert!(block.is_none(), "{file}: a block has no end");
    sections
}
