//! The documents as the rules see them. A document is read by the parser that mdBook uses, so that
//! what is a heading, a link or code here is one for its readers as well.

mod blocks;
mod code_names;
mod excepted;
mod links;
mod prose;

use std::collections::{BTreeSet, HashMap};
use std::fs;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::{files_below, root};

/// The documents beside docs/. Each must be there.
const BESIDE_DOCS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "plugins/README.md",
    "tests/bench/RESULTS.md",
];

/// Those that say what was: paths and names in them may be gone.
const HISTORY: &[&str] = &["CHANGELOG.md", "tests/bench/RESULTS.md"];

/// Something found in a document, with its line.
type Found = (usize, String);

struct Document {
    /// Relative to the repository.
    path: String,
    text: String,
    /// Where its links and pictures lead.
    links: Vec<Found>,
    /// What a link may name behind `#`.
    anchors: BTreeSet<String>,
    /// What is in `backticks`.
    codes: Vec<Found>,
    /// The language of each block of code, with what follows it; empty if there is none.
    blocks: Vec<Found>,
    /// What people read: each paragraph, heading and cell in one line, a space for code.
    prose: Vec<Found>,
}

impl Document {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path));
        Self::parse(path, text.unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    fn parse(path: &str, text: String) -> Self {
        let mut document = Self {
            path: path.to_owned(),
            text: String::new(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            codes: Vec::new(),
            blocks: Vec::new(),
            prose: Vec::new(),
        };
        let mut slugs = Slugs::default();
        let mut heading: Option<String> = None;
        let mut in_block = false;
        let mut prose = String::new();
        let mut begun = 0;
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        for (event, range) in Parser::new_ext(&text, options).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            if ends_a_sentence(&event) && !prose.is_empty() {
                document.prose.push((begun, std::mem::take(&mut prose)));
            }
            if prose.is_empty() {
                begun = line;
            }
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((line, dest_url.to_string()));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let heading = heading.take().unwrap_or_default();
                    document.anchors.insert(slugs.of(&heading));
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    in_block = true;
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    document.blocks.push((line, language));
                }
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Code(code) => {
                    prose.push(' ');
                    heading.iter_mut().for_each(|it| it.push_str(&code));
                    document.codes.push((line, code.to_string()));
                }
                Event::Text(part) if !in_block => {
                    prose.push_str(&part);
                    heading.iter_mut().for_each(|it| it.push_str(&part));
                }
                Event::SoftBreak | Event::HardBreak => prose.push(' '),
                Event::Html(part) | Event::InlineHtml(part) => {
                    let named = |name: &str| attributes(&part, name);
                    document.anchors.extend(named("id"));
                    let links = named("href").into_iter().chain(named("src"));
                    document.links.extend(links.map(|to| (line, to)));
                }
                _ => {}
            }
        }
        document.text = text;
        document
    }

    fn is_one_of(&self, paths: &[&str]) -> bool {
        paths.contains(&self.path.as_str())
    }

    /// Whether it describes the code itself.
    fn is_of_code(&self) -> bool {
        self.is_one_of(&["ARCHITECTURE.md", "CONTRIBUTING.md"])
            || self.path.starts_with("docs/design/")
    }
}

/// Whether a paragraph, a heading, a cell or the like begins or ends.
fn ends_a_sentence(event: &Event) -> bool {
    let (Event::Start(_) | Event::End(_)) = event else {
        return false;
    };
    !matches!(
        event,
        Event::Start(
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
        ) | Event::End(
            TagEnd::Emphasis
                | TagEnd::Strong
                | TagEnd::Strikethrough
                | TagEnd::Link
                | TagEnd::Image
        )
    )
}

/// The values of an attribute in HTML.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let begins = format!(" {name}=\"");
    let values = html.split(begins.as_str()).skip(1);
    values
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value.to_owned())
        .collect()
}

/// What GitHub and mdBook make of headings to be linked to.
#[derive(Default)]
struct Slugs {
    given: HashMap<String, usize>,
}

impl Slugs {
    /// The heading in lower case, without punctuation, `-` for each space; `-1` and so on behind
    /// one that was there before.
    fn of(&mut self, heading: &str) -> String {
        let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
        let slug = heading.trim().to_lowercase();
        let slug: String = slug.chars().filter(kept).collect();
        let slug = slug.replace(' ', "-");
        let before = self.given.entry(slug.clone()).or_default();
        *before += 1;
        match *before - 1 {
            0 => slug,
            again => format!("{slug}-{again}"),
        }
    }
}

/// All documents.
fn documents() -> Vec<Document> {
    let docs = files_below("docs").into_iter();
    let docs = docs.filter(|it| it.ends_with(".md"));
    let beside = BESIDE_DOCS.iter().map(|it| (*it).to_owned());
    beside.chain(docs).map(|it| Document::read(&it)).collect()
}

#[test]
fn a_document_is_read_as_its_readers_see_it() {
    let text = r#"# The `herald::event` log
A link to [a place](docs/a.md#b), **in** *plain text*,
![a picture](c.png) and `d`.

- an item

  ```sh,norun
  # no heading
  ```

| e | f |
|---|---|
| [g](h.md) | <a id="i"></a>j |

## What's new?
## What's new?
"#;
    let document = Document::parse("README.md", text.to_owned());
    let strings = |found: &[Found]| -> Vec<String> {
        found
            .iter()
            .map(|(line, what)| format!("{line} {what}"))
            .collect()
    };
    assert_eq!(
        strings(&document.links),
        ["2 docs/a.md#b", "3 c.png", "13 h.md"]
    );
    assert_eq!(strings(&document.codes), ["1 herald::event", "3 d"]);
    assert_eq!(strings(&document.blocks), ["7 sh,norun"]);
    let anchors: Vec<&str> = document.anchors.iter().map(String::as_str).collect();
    assert_eq!(
        anchors,
        ["i", "the-heraldevent-log", "whats-new", "whats-new-1"]
    );
    assert_eq!(
        strings(&document.prose),
        [
            "1 The   log",
            "2 A link to a place, in plain text, a picture and  .",
            "5 an item",
            "11 e",
            "11 f",
            "13 g",
            "13 j",
            "15 What's new?",
            "16 What's new?",
        ]
    );
}
