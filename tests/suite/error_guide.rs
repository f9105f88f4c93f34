//! `docs/errors.md` and the code are in step: a heading for each kind of error and no other, and under it each message that the
//! code can give. The messages are read from the sources, as the compiler reads them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use entra_pg_core::{Error, ErrorKind};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, ImplItemFn, ItemFn, ItemMod, LitStr, Local, Macro,
    Pat,
    visit::{self, Visit},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Helpers that make an error from the message that they are given.
const MAKERS: [&str; 8] = [
    "invalid",
    "listen_error",
    "lost",
    "none",
    "password",
    "protocol_error",
    "unusable",
    "unverified",
];

/// Functions that repeat a message of a driver, a library or the system.
const DRIVERS_WORDS: [&str; 6] = [
    "dial",
    "failure",
    "is_valid",
    "open_error",
    "setup_failed",
    "user_options",
];

/// The guide's sections by heading, each on one line.
fn sections() -> Vec<(String, String)> {
    let guide = fs::read_to_string(format!("{ROOT}/docs/errors.md")).expect("the guide");
    let parts = guide.split("\n## ").skip(1);
    parts
        .map(|part| part.split_once('\n').expect("a heading and a text"))
        .map(|(heading, text)| (heading.to_owned(), one_line(text)))
        .collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The parts of a message that do not differ from case to case. `open` begins what does, `close` ends it.
fn fixed(message: &str, open: char, close: char) -> Vec<String> {
    let mut parts = message.split(open);
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once(close).map_or(part, |(_, fixed)| fixed));
    let all = std::iter::once(first).chain(rest).map(one_line);
    all.filter(|part| part.len() > 2).collect()
}

/// All messages in the sources of the crates that the guide is about.
fn messages() -> Vec<Message> {
    let mut found = Vec::new();
    for name in [
        "core",
        "sqlx",
        "sea-orm",
        "tokio-postgres",
        "diesel-async",
        "proxy",
    ] {
        let folder = PathBuf::from(format!("{ROOT}/crates/entra-pg-{name}/src"));
        for path in sources(&folder) {
            let text = fs::read_to_string(&path).expect("a source");
            let file = syn::parse_file(&text).expect("it compiles");
            let mut reader = Reader::default();
            reader.visit_file(&file);
            // Once more, now that it is known which functions and closures make errors.
            reader.messages.clear();
            reader.visit_file(&file);
            found.extend(reader.messages);
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|path| {
        let path = path.to_string_lossy();
        !path.ends_with("_tests.rs") && !path.ends_with("fuzzing.rs")
    });
    files
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[derive(Debug)]
struct Message {
    function: String,
    kind: String,
    texts: Vec<String>,
    /// The texts are all those of the function, since the call itself only names a variable.
    guessed: bool,
}

/// Collects the messages of one file.
#[derive(Default)]
struct Reader {
    /// What makes an error of which kind from a text.
    makers: BTreeMap<String, String>,
    messages: Vec<Message>,
    function: String,
    function_texts: Vec<String>,
}

impl Reader {
    fn kind(&self, call: &ExprCall) -> Option<String> {
        let Expr::Path(function) = &*call.func else {
            return None;
        };
        let names: Vec<_> = function
            .path
            .segments
            .iter()
            .map(|s| s.ident.to_string())
            .collect();
        match names.as_slice() {
            [.., kind, new] if kind == "Error" && new == "new" => {
                call.args.first().and_then(error_kind)
            }
            [name] if self.function != *name => self.makers.get(name).cloned(),
            _ => None,
        }
    }

    fn function(&mut self, name: &str, texts: Vec<String>, inside: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.function, name.to_owned());
        let outer_texts = std::mem::replace(&mut self.function_texts, texts);
        let before = self.messages.len();
        inside(self);
        if let [only] = &self.messages[before..]
            && MAKERS.contains(&name)
            && passes_on(only)
        {
            self.makers.insert(name.to_owned(), only.kind.clone());
        }
        (self.function, self.function_texts) = (outer, outer_texts);
    }
}

/// `ErrorKind::X`, or `ErrorKind::X(…)`.
fn error_kind(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        Expr::Call(call) => error_kind(&call.func),
        _ => None,
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let texts = Texts::of(|texts| texts.visit_block(&function.block));
        self.function(&function.sig.ident.to_string(), texts, |reader| {
            visit::visit_item_fn(reader, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        let texts = Texts::of(|texts| texts.visit_block(&function.block));
        self.function(&function.sig.ident.to_string(), texts, |reader| {
            visit::visit_impl_item_fn(reader, function);
        });
    }

    /// A closure with a name may make errors, too.
    fn visit_local(&mut self, local: &'ast Local) {
        let (Pat::Ident(name), Some(init)) = (&local.pat, &local.init) else {
            return visit::visit_local(self, local);
        };
        let before = self.messages.len();
        visit::visit_local(self, local);
        if let (Expr::Closure(_), [made]) = (&*init.expr, &self.messages[before..]) {
            self.makers
                .insert(name.ident.to_string(), made.kind.clone());
        }
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Some(kind) = self.kind(call) {
            let texts = Texts::of(|texts| call.args.iter().for_each(|arg| texts.visit_expr(arg)));
            let guessed = texts.is_empty();
            self.messages.push(Message {
                function: self.function.clone(),
                kind,
                texts: if guessed {
                    self.function_texts.clone()
                } else {
                    texts
                },
                guessed,
            });
        }
        visit::visit_expr_call(self, call);
    }
}

/// The string literals of more than one word, but for hints.
#[derive(Default)]
struct Texts(Vec<String>);

impl Texts {
    fn of(visit: impl FnOnce(&mut Self)) -> Vec<String> {
        let mut texts = Self::default();
        visit(&mut texts);
        texts.0
    }

    fn literals(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                proc_macro2::TokenTree::Group(group) => self.literals(group.stream()),
                other => {
                    if let Ok(literal) = syn::parse2::<LitStr>(other.into()) {
                        self.visit_lit_str(&literal);
                    }
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        let text = one_line(&literal.value());
        if text.contains(' ') {
            self.0.push(text);
        }
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.literals(called.tokens.clone());
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "with_hint" {
            self.visit_expr(&call.receiver);
        } else {
            visit::visit_expr_method_call(self, call);
        }
    }
}

#[test]
fn each_kind_of_error_has_a_heading_which_its_hint_names_and_there_is_no_other() {
    let headings: Vec<_> = sections().into_iter().map(|(heading, _)| heading).collect();
    let expected: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(headings, expected);
    for (kind, heading) in ErrorKind::ALL.iter().zip(headings) {
        let hint = Error::new(*kind, "x").with_hint("do y").hint().to_owned();
        assert_eq!(
            hint,
            format!("do y; see entra_pg_core::error_codes#{heading}")
        );
    }
}

#[test]
fn each_message_stands_in_the_guide_under_its_kind() {
    let sections = sections();
    let messages = messages();
    assert!(messages.len() > 40, "only {} were found", messages.len());
    let missing: Vec<_> = messages
        .iter()
        .filter(|message| !passes_on(message) && !message.is_in(&sections))
        .collect();
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:#?}");
}

/// Only a driver's message is passed on, or, in a helper, the one that it was given.
fn passes_on(message: &Message) -> bool {
    let function = message.function.as_str();
    message.texts.is_empty() && (MAKERS.contains(&function) || DRIVERS_WORDS.contains(&function))
}

impl Message {
    fn is_in(&self, sections: &[(String, String)]) -> bool {
        let headings: Vec<_> = ErrorKind::ALL
            .iter()
            .filter(|kind| self.guessed || format!("{kind:?}").starts_with(&self.kind))
            .map(|kind| kind.code())
            .collect();
        let parts = self.texts.iter().flat_map(|text| fixed(text, '{', '}'));
        !self.texts.is_empty()
            && parts.into_iter().all(|part| {
                sections.iter().any(|(heading, text)| {
                    headings.contains(&heading.as_str()) && text.contains(&part)
                })
            })
    }
}

#[test]
fn no_message_of_the_guide_has_gone_from_the_code() {
    let in_code: Vec<_> = messages()
        .into_iter()
        .flat_map(|message| message.texts)
        .collect();
    for (heading, section) in sections() {
        let cells = section
            .split("| |")
            .skip(1)
            .filter_map(|row| row.split('|').next())
            .filter(|cell| !cell.starts_with("---"));
        for text in cells.flat_map(|cell| fixed(&cell.replace('…', "{}"), '{', '}')) {
            assert!(
                in_code.iter().any(|message| message.contains(&text)),
                "under {heading} is {text:?}, which no code has"
            );
        }
    }
}
