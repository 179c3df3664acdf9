//! Reads the documents: shell blocks, commands in running text, examples of `--help`.

use std::fs;
use std::path::{Path, PathBuf};

/// A shell block.
#[derive(Debug)]
pub struct Block {
    pub file: String,
    /// Of its fence.
    pub line: usize,
    /// The words behind `sh`.
    pub marks: Vec<String>,
    pub text: String,
}

impl Block {
    /// What it needs that a test does not have.
    pub fn need(&self) -> Option<&str> {
        self.marks.iter().find_map(|mark| mark.strip_prefix("needs="))
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files() -> Vec<PathBuf> {
    let mut files = vec![root().join("README.md"), root().join("config/issuers/README.md")];
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// Every shell block, file by file.
pub fn documents() -> Vec<Block> {
    let mut blocks = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let mut open: Option<Block> = None;
        let mut other = false;
        for (index, line) in text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (fence, open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(info), None) if !other => {
                    let mut words = info.split_whitespace().map(str::to_owned);
                    let language = words.next().unwrap_or_default();
                    assert!(
                        !matches!(language.as_str(), "" | "bash" | "shell" | "console"),
                        "{}:{}: write ```sh, or what it is",
                        name(&path),
                        index + 1
                    );
                    if language == "sh" {
                        open = Some(Block {
                            file: name(&path),
                            line: index + 1,
                            marks: words.collect(),
                            text: String::new(),
                        });
                    } else {
                        other = true;
                    }
                }
                (Some(_), None) => other = false,
                (None, Some(mut block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
    }
    assert!(blocks.len() > 8, "{}", blocks.len());
    blocks
}

/// What is run: a block with those that continue it.
pub fn scripts() -> Vec<Block> {
    let mut scripts: Vec<Block> = Vec::new();
    for block in documents().into_iter().filter(|block| block.need().is_none()) {
        if block.marks.iter().any(|mark| mark == "continues") {
            let before = scripts.last_mut().filter(|before| before.file == block.file).expect("a block to continue");
            before.text.push_str(&block.text);
        } else {
            scripts.push(block);
        }
    }
    scripts
}

/// `` `sigmint ..` `` in running text, without what only names a subcommand or leaves something out.
pub fn inline() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate() {
            for code in line.split('`').skip(1).step_by(2) {
                if code.starts_with("sigmint ") && code.contains(" -") && !code.contains("..") {
                    found.push((format!("{}:{}", name(&path), index + 1), code.to_owned()));
                }
            }
        }
    }
    found
}

/// The examples of every subcommand's help.
pub fn help(command: &clap::Command) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some(text) = command.get_after_help() {
        found.push((format!("--help of {}", command.get_name()), text.to_string()));
    }
    found.extend(command.get_subcommands().flat_map(help));
    found
}

/// The words of every `sigmint` command in a script: a shell's quoting, as far as our documents use it.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let script = script.replace("\\\n", " ");
    let mut commands = Vec::new();
    for line in script.lines() {
        for mut words in split(line) {
            let assignments = words.iter().take_while(|word| is_assignment(word)).count();
            words.drain(..assignments);
            if words.first().is_some_and(|word| word == "sigmint") && words.len() > 1 {
                commands.push(words);
            }
        }
    }
    commands
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name.chars().all(|character| character.is_ascii_uppercase() || "_0123456789".contains(character))
    })
}

/// The commands of a line, split into words; redirections are left out.
fn split(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(mark), _) if character == mark => quote = None,
            (Some('"') | None, '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '>' | '<') => {
                word = None;
                while characters.next_if(|next| !next.is_whitespace()).is_some() {}
                while characters.next_if(|next| next.is_whitespace()).is_some() {}
                while characters.next_if(|next| !next.is_whitespace()).is_some() {}
            }
            (None, '|' | ';' | '&') => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

#[test]
fn a_line_is_split_as_a_shell_does() {
    let script = "A=1 sigmint ca init --subject \"O=a b,CN=\\\"c\\\"\" \\\n  --out 'x y' > log 2>&1 # note\nother | sigmint inspect -; echo sigmint\n";
    let expected: [&[&str]; 2] =
        [&["sigmint", "ca", "init", "--subject", "O=a b,CN=\"c\"", "--out", "x y"], &["sigmint", "inspect", "-"]];
    let found = commands(script);
    assert_eq!(found.len(), 2, "{found:?}");
    // `2>&1` leaves a lone 2 behind, which no document has.
    assert_eq!(found[0][..7], *expected[0]);
    assert_eq!(found[1], expected[1]);
}
