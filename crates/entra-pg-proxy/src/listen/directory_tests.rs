use std::{
    fs::{DirBuilder, Permissions},
    os::unix::fs::{PermissionsExt, lchown, symlink},
};

use tempfile::TempDir;

use super::*;

/// A directory in `/tmp`, which is closed to others.
fn scratch() -> TempDir {
    let builder = &mut tempfile::Builder::new();
    let builder = builder.permissions(Permissions::from_mode(0o700));
    let directory = builder.tempdir_in(fs::canonicalize("/tmp").expect("a path"));
    directory.expect("a directory")
}

fn own_user() -> u32 {
    scratch().path().metadata().expect("metadata").uid()
}

fn make(path: &Path, mode: u32) {
    DirBuilder::new().create(path).expect("made");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
}

/// Gives the file to another user than the one who is returned. Only root can give away a file; others ask as if they were
/// somebody else.
fn not_ours(path: &Path) -> u32 {
    let own = own_user();
    if own != ROOT {
        return own + 1;
    }
    lchown(path, Some(1000), None).expect("root may");
    own
}

fn refused(path: &Path, user: u32) -> String {
    let error = check_directory(path, user).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Listen);
    error.to_string()
}

#[test]
fn own_directories_links_and_detours_are_accepted() {
    let scratch = scratch();
    let (own, inside) = (own_user(), scratch.path().join("inside"));
    make(&inside, 0o700);
    symlink("inside", scratch.path().join("relative")).expect("a link");
    symlink(&inside, scratch.path().join("absolute")).expect("a link");
    symlink("absolute", scratch.path().join("twice")).expect("a link");
    for path in [
        "inside",
        "relative",
        "absolute",
        "twice",
        "inside/../inside",
        "missing",
    ] {
        check_directory(&scratch.path().join(path), own).expect(path);
    }
}

#[test]
fn a_link_of_another_user_is_refused_wherever_it_stands() {
    let scratch = scratch();
    make(&scratch.path().join("target"), 0o700);
    make(&scratch.path().join("target/inner"), 0o700);
    // In a sticky directory that is open to all, which is where somebody else could put it.
    let link = TempDir::new_in("/tmp").expect("a name").path().to_owned();
    symlink(scratch.path().join("target"), &link).expect("a link");
    let user = not_ours(&link);
    let outcomes =
        ["", "inner", "missing", "../target"].map(|rest| refused(&link.join(rest), user));
    fs::remove_file(&link).expect("removed");
    for error in outcomes {
        let expected = format!("{} is a link that belongs to another user", link.display());
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn a_link_of_ours_does_not_hide_one_of_somebody_else() {
    let scratch = scratch();
    if own_user() != ROOT {
        // Nobody else can put a link here.
        return;
    }
    make(&scratch.path().join("target"), 0o700);
    symlink("target", scratch.path().join("theirs")).expect("a link");
    symlink("theirs", scratch.path().join("ours")).expect("a link");
    let user = not_ours(&scratch.path().join("theirs"));
    let error = refused(&scratch.path().join("ours"), user);
    assert!(error.contains("theirs is a link that belongs"), "{error}");
}

#[test]
fn a_parent_of_another_user_is_refused() {
    let scratch = scratch();
    let parent = scratch.path().join("parent");
    make(&parent, 0o755);
    make(&parent.join("inner"), 0o700);
    let user = not_ours(&parent);
    let error = refused(&parent.join("inner"), user);
    assert!(
        error.contains("belongs to another user, who can replace what is in it"),
        "{error}"
    );
}

#[test]
fn a_parent_that_others_may_write_to_is_refused_unless_it_is_sticky() {
    let scratch = scratch();
    let own = own_user();
    for (mode, accepted) in [
        (0o755, true),
        (0o775, false),
        (0o757, false),
        (0o777, false),
        (0o1777, true),
    ] {
        let parent = scratch.path().join(format!("{mode:o}"));
        make(&parent, mode);
        make(&parent.join("inner"), 0o700);
        symlink("inner", parent.join("link")).expect("a link");
        for path in ["inner", "link", "missing"] {
            let path = parent.join(path);
            if accepted {
                check_directory(&path, own).expect("accepted");
            } else {
                let error = refused(&path, own);
                assert!(error.contains("chmod go-w"), "{mode:o}: {error}");
            }
        }
    }
}

#[test]
fn the_directory_itself_is_checked_also_at_the_end_of_a_detour() {
    let scratch = scratch();
    let own = own_user();
    make(&scratch.path().join("open"), 0o755);
    make(&scratch.path().join("open/inner"), 0o700);
    symlink("open", scratch.path().join("link")).expect("a link");
    fs::write(scratch.path().join("file"), "").expect("written");
    for path in ["open", "link", "open/inner/.."] {
        let error = refused(&scratch.path().join(path), own);
        assert!(error.contains("chmod 700"), "{path}: {error}");
    }
    assert!(refused(&scratch.path().join("file"), own).contains("not a directory"));
    assert!(refused(Path::new("/tmp"), own).contains("/tmp"));
}

#[test]
fn links_that_lead_nowhere_or_around_are_refused() {
    let scratch = scratch();
    let own = own_user();
    symlink("around", scratch.path().join("around")).expect("a link");
    let error = refused(&scratch.path().join("around"), own);
    assert!(error.contains("too many links"), "{error}");
    symlink("missing/too", scratch.path().join("nowhere")).expect("a link");
    let error = refused(&scratch.path().join("nowhere"), own);
    assert!(error.contains("No such file"), "{error}");
}
