//! The modules of a crate, and the file that defines what a path in one of them names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemMod, ItemUse, Macro, UseTree, Visibility,
    visit::{self, Visit},
};

/// Files of tests, by name; they may import anything.
const TESTS: [&str; 2] = ["_tests.rs", "_properties.rs"];

/// One path that a `use` binds to a name, or to every name behind it (`*`).
#[derive(Clone)]
struct Binding {
    name: Option<String>,
    path: Vec<String>,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defined: BTreeSet<String>,
    bindings: Vec<Binding>,
    /// What the code uses: the paths in it, and those of private `use` items. A re-export uses nothing.
    used: BTreeSet<Vec<String>>,
}

/// All modules of a crate, the root first.
pub(super) struct Modules(Vec<Module>);

enum Found {
    Module(usize),
    Item(usize),
}

impl Modules {
    pub(super) fn of(root: &Path) -> Self {
        let mut modules = Self(Vec::new());
        modules.read(root, None);
        modules
    }

    /// Each pair of files of which the first uses an item of the second, with the path by which it does.
    pub(super) fn imports(&self) -> BTreeMap<(PathBuf, PathBuf), String> {
        let mut imports = BTreeMap::new();
        for (id, module) in self.0.iter().enumerate() {
            for path in &module.used {
                if let Some(Found::Item(definition)) = self.resolve(id, path, 0) {
                    let edge = (module.file.clone(), self.0[definition].file.clone());
                    if edge.0 != edge.1 {
                        imports.entry(edge).or_insert_with(|| path.join("::"));
                    }
                }
            }
        }
        imports
    }

    fn read(&mut self, file: &Path, parent: Option<usize>) -> usize {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let source = syn::parse_file(&text).expect("the crate compiles");
        self.add(file, parent, &source.items)
    }

    fn add(&mut self, file: &Path, parent: Option<usize>, items: &[Item]) -> usize {
        let id = self.0.len();
        let mut reader = Reader::default();
        items.iter().for_each(|item| reader.visit_item(item));
        self.0.push(Module {
            file: file.to_owned(),
            parent,
            defined: items.iter().filter_map(defined).collect(),
            ..reader.module
        });
        for child in reader.children {
            let name = child.ident.to_string();
            let own = match (&child.content, file_of(file, child)) {
                (Some((_, items)), _) => self.add(file, Some(id), items),
                (None, Some(path)) => self.read(&path, Some(id)),
                (None, None) => continue,
            };
            self.0[id].children.insert(name, own);
        }
        id
    }

    /// What a path means within a module. `depth` ends re-exports that lead back to themselves.
    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => 0,
            "self" => from,
            "super" => self.0[from].parent?,
            _ => {
                rest = path;
                from
            }
        };
        for (index, name) in rest.iter().enumerate() {
            let last = index + 1 == rest.len();
            module = match self.find(module, name, last, depth)? {
                Found::Module(child) => child,
                item @ Found::Item(_) => return Some(item),
            };
        }
        Some(Found::Module(module))
    }

    /// What a module calls by this name. In the middle of a path that is a module, if one has the name of an item.
    fn find(&self, module: usize, name: &str, last: bool, depth: usize) -> Option<Found> {
        if name == "super" {
            return self.0[module].parent.map(Found::Module);
        }
        let own = &self.0[module];
        let child = own.children.get(name).copied();
        if own.defined.contains(name) {
            return Some(Found::Item(module));
        }
        if let (Some(child), false) = (child, last) {
            return Some(Found::Module(child));
        }
        let bound = own
            .bindings
            .iter()
            .filter(|binding| binding.name.as_deref() == Some(name))
            .find_map(|binding| self.follow(module, &binding.path, depth));
        let globs = || {
            let mut globs = own.bindings.iter().filter(|b| b.name.is_none());
            globs.find_map(|glob| match self.follow(module, &glob.path, depth)? {
                Found::Module(there) if depth < 8 && there != module => {
                    self.find(there, name, last, depth + 1)
                }
                _ => None,
            })
        };
        bound.or(child.map(Found::Module)).or_else(globs)
    }

    fn follow(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        (depth < 8).then(|| self.resolve(module, path, depth + 1))?
    }
}

/// Where a module is that is declared in this file; none for tests.
fn file_of(declaring: &Path, child: &ItemMod) -> Option<PathBuf> {
    let (folder, name) = (declaring.parent()?, child.ident.to_string());
    let stem = declaring.file_stem()?.to_str()?;
    let folder = match stem {
        "lib" | "main" | "mod" => folder.to_owned(),
        stem => folder.join(stem),
    };
    let (file, nested) = (
        folder.join(format!("{name}.rs")),
        folder.join(name).join("mod.rs"),
    );
    let found = if file.exists() { file } else { nested };
    let tested = TESTS
        .iter()
        .any(|end| found.to_string_lossy().ends_with(end));
    (!tested).then_some(found)
}

fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

/// Whether it is compiled for tests, or for the checker of interleavings, only.
fn for_tests(attributes: &[Attribute]) -> bool {
    let conditions = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .filter_map(|attribute| attribute.meta.require_list().ok())
        .map(|list| list.tokens.to_string());
    conditions
        .filter(|condition| !condition.contains("not"))
        .any(|condition| condition.contains("test") || condition.contains("interleavings"))
}

/// Reads one module, its children aside.
#[derive(Default)]
struct Reader<'a> {
    module: Module,
    children: Vec<&'a ItemMod>,
}

impl Reader<'_> {
    fn bind(&mut self, tree: &UseTree, mut path: Vec<String>, exported: bool) {
        let name = match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                return self.bind(&tree.tree, path, exported);
            }
            UseTree::Group(group) => {
                let trees = group.items.iter();
                return trees.for_each(|tree| self.bind(tree, path.clone(), exported));
            }
            UseTree::Glob(_) => None,
            UseTree::Name(tree) if tree.ident == "self" => path.last().cloned(),
            UseTree::Rename(tree) if tree.ident == "self" => Some(tree.rename.to_string()),
            UseTree::Name(tree) => {
                path.push(tree.ident.to_string());
                Some(tree.ident.to_string())
            }
            UseTree::Rename(tree) => {
                path.push(tree.ident.to_string());
                Some(tree.rename.to_string())
            }
        };
        if !exported && name.is_some() {
            self.module.used.insert(path.clone());
        }
        // `use sqlx;` binds a foreign name to itself.
        if path.len() > 1 {
            self.module.bindings.push(Binding { name, path });
        }
    }

    /// The paths in a macro's arguments, which `syn` does not parse.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.module.used.insert(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => self.module.used.extend([std::mem::take(&mut path)]),
            }
        }
        self.module.used.insert(path);
    }
}

impl<'a> Visit<'a> for Reader<'a> {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'a ItemMod) {
        self.children.push(module);
    }

    fn visit_item_use(&mut self, import: &'a ItemUse) {
        let exported = !matches!(import.vis, Visibility::Inherited);
        self.bind(&import.tree, Vec::new(), exported);
    }

    fn visit_visibility(&mut self, _: &'a Visibility) {}

    fn visit_path(&mut self, path: &'a syn::Path) {
        let names = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.module.used.insert(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a Macro) {
        self.tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}
