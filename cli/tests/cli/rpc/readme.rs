//! The README's session, as it stands there.

use crate::program::run_with;

const README: &str = include_str!("../../../../README.md");

#[tokio::test]
async fn the_session_of_the_readme_is_what_comes() {
    let (_, session) = README.split_once("```text\n→ ").expect("the README has a session");
    let (session, _) = session.split_once("```").expect("it ends");
    let session = format!("→ {session}");
    let said = |who: &str| -> Vec<String> {
        session.lines().filter_map(|line| line.strip_prefix(who)).map(|line| line.trim().to_owned()).collect()
    };
    let input: String = said("→ ").iter().map(|line| format!("{line}\n")).collect();
    let done = run_with(&["--port", "mock", "rpc"], input.as_bytes()).await.ended(0);
    let came: Vec<&str> = done.stdout().lines().collect();
    for line in said("← ") {
        // How long a message takes is another matter each time, and what is cut is cut.
        let line = line.replace("\"elapsed_ms\":12", "\"elapsed_ms\":…");
        let mut pieces = line.split('…');
        let (beginning, rest) = (pieces.next().expect("a piece"), pieces.next());
        let fits = |came: &&&str| {
            came.starts_with(beginning) && rest.map_or(came.len() == beginning.len(), |rest| came.ends_with(rest))
        };
        assert!(came.iter().find(fits).is_some(), "{line}: {}", done.stdout());
    }
    assert_eq!(said("← ").len(), 7);
}
