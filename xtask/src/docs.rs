//! `cargo xtask docs`: the documents that are made and not written. A test fails while they differ from the types.

use std::fs;

use anyhow::{Context as _, Result};

use crate::step;
use crate::workspace::Workspace;

/// The documents that are made, and the argument that makes each.
const MADE: [(&str, &str); 2] = [("docs/openapi.yaml", "yaml"), ("docs/openapi.html", "page")];

/// Makes them anew.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut build = workspace.cargo();
    // The whole workspace, so that nothing is compiled in a second set of features.
    build.args(["build", "--workspace", "--bin", "falconer-openapi"]);
    step::run(&mut build, "the build failed: the compiler's message is above")?;
    for (file, word) in MADE {
        let text = step::ask(workspace.command(workspace.program("falconer-openapi")).arg(word))?;
        fs::write(workspace.root.join(file), text).with_context(|| format!("{file} cannot be written"))?;
        println!("{file}");
    }
    Ok(())
}
