//! Files and folders.

use std::fs;

use borzoi_rules::Loader;
use borzoi_rules::locate::{Part, warning};

const RULE: &str = "title: T
logsource: {product: windows}
detection:
    selection: {A: 1}
    condition: selection
";

#[test]
fn folders_are_read_in_order_and_one_bad_document_costs_itself() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("b/deep")).unwrap();
    fs::create_dir_all(root.join(".git")).unwrap();
    fs::write(root.join("c.yml"), format!("{RULE}id: c\n")).unwrap();
    fs::write(
        root.join("a.YAML"),
        format!("{RULE}id: a\n---\ntitle: [\n---\n{RULE}id: a2\n"),
    )
    .unwrap();
    fs::write(
        root.join("b/deep/x.yml"),
        format!("\u{feff}{}", format!("{RULE}id: x\n").replace('\n', "\r\n")),
    )
    .unwrap();
    fs::write(root.join("b/notes.txt"), "nothing").unwrap();
    fs::write(root.join("b/empty.yml"), "# only a comment\n").unwrap();
    fs::write(root.join("b/other.yml"), "version: 2\nupdates: []\n").unwrap();
    fs::write(root.join("b/latin.yml"), b"title: caf\xe9\n").unwrap();
    fs::create_dir_all(root.join(".git/deep")).unwrap();
    fs::write(root.join(".git/x.yml"), "not: ours\n").unwrap();
    fs::write(root.join(".git/deep/y.YAML"), "not: ours\n").unwrap();
    fs::write(root.join(".git/deep/z.txt"), "not: ours\n").unwrap();
    let report = Loader::new().load([root, &root.join("b"), &root.join("b/../c.yml")]);
    let ids: Vec<&str> = report.detections.iter().map(|rule| &*rule.meta.id).collect();
    assert_eq!(ids, ["a", "a2", "x", "c"]);
    let codes: Vec<&str> = report.errors().map(|problem| problem.code).collect();
    assert_eq!(codes, ["yaml-syntax", "not-sigma", "not-utf8", "not-sigma"]);
    assert_eq!(report.counts.failed, 4);
    assert_eq!(report.counts.skipped, 2);
    assert_eq!(report.problems[0].location.line, 8, "{}", report.problems[0]);
    assert!(report.detections[2].meta.location.path.ends_with("b/deep/x.yml"));
}

#[cfg(unix)]
#[test]
fn a_file_that_is_reached_through_links_is_read_once() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("real/deep")).unwrap();
    fs::write(root.join("real/a.yml"), format!("{RULE}id: a\n")).unwrap();
    fs::write(root.join("real/deep/a.yml"), format!("{RULE}id: deep\n")).unwrap();
    symlink(root.join("real"), root.join("linked")).unwrap();
    symlink(root.join("real/a.yml"), root.join("a.yml")).unwrap();
    symlink("../a.yml", root.join("real/deep/up.yml")).unwrap();
    let paths = [
        "a.yml",
        "linked",
        "real/a.yml",
        "linked/deep/../deep",
        "real/deep/up.yml",
    ];
    let report = Loader::new().load(paths.map(|path| root.join(path)));
    let ids: Vec<&str> = report.detections.iter().map(|rule| &*rule.meta.id).collect();
    assert_eq!(ids, ["a", "deep"]);
    assert_eq!(report.counts.files, 2);
}

#[test]
fn missing_paths_and_empty_folders_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let report = Loader::new().load([folder.path().join("none.yml"), folder.path().to_owned()]);
    let codes: Vec<&str> = report.problems.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["unreadable", "no-rules"]);
}

#[test]
fn a_second_rule_with_an_id_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.yml", "b.yml"] {
        let id = if name == "a.yml" { "ABC" } else { "abc" };
        fs::write(folder.path().join(name), format!("{RULE}id: {id}\n")).unwrap();
    }
    let report = Loader::new().load([folder.path()]);
    assert_eq!(report.detections.len(), 1);
    let problem = &report.problems[0];
    assert_eq!((problem.code, problem.location.line), ("duplicate-id", 6));
    assert!(problem.location.path.ends_with("b.yml"));
    assert!(problem.message.contains("a.yml:6"), "{}", problem.message);
}

#[test]
fn metadata() {
    let report = Loader::new().load_text(
        "t.yml",
        &format!(
            "{RULE}id: i\nname: n\nlevel: High\nstatus: test\ndescription: |\n    two\n    lines\nauthor: [A, B]\n\
             tags: [attack.t1059]\nreferences:\n    - https://example.com\nfalsepositives: Unlikely\nfields: [A]\n"
        ),
    );
    assert_eq!(report.problems, []);
    let meta = &report.detections[0].meta;
    assert_eq!(
        (meta.name.as_deref(), meta.author.as_deref()),
        (Some("n"), Some("A, B"))
    );
    assert_eq!(meta.level, borzoi_rules::ir::Level::High);
    assert_eq!(meta.description.as_deref(), Some("two\nlines"));
    assert_eq!(
        (meta.false_positives[0].as_str(), meta.tags.len()),
        ("Unlikely", 1)
    );
    let summary = report.summaries().next().unwrap();
    assert_eq!(summary.path().to_str(), Some("t.yml"));
    assert_eq!(
        summary.log_source.and_then(|source| source.product.as_deref()),
        Some("windows")
    );
}

#[test]
fn warnings_about_fields_stand_at_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.yml");
    fs::write(&path, RULE.replace("{A: 1}", "{Imagee|endswith: x}")).unwrap();
    let report = Loader::new().load([&path]);
    let near = Some("Image".to_owned());
    let problem = warning(
        &report.detections[0],
        Part::Field("Imagee"),
        "unknown-field",
        "no dataset has it",
        near,
    );
    assert_eq!((problem.location.line, problem.location.column), (4, 17));
    assert!(problem.to_string().ends_with("did you mean `Image`?"));
    fs::remove_file(&path).unwrap();
    let gone = warning(
        &report.detections[0],
        Part::Field("Imagee"),
        "unknown-field",
        "no dataset has it",
        None,
    );
    assert_eq!(gone.location.line, 1);
}
